"""System checks of the site."""

from batchsite.checks import check_driver, driver_messages


def test_batchsite_e001():
    assert check_driver() == []
    (message,) = driver_messages(is_psycopg3=True)
    assert message.id == "batchsite.E001"
    assert "psycopg2" in message.msg
    assert "pip uninstall psycopg" in message.hint
