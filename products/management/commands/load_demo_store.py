"""Load the demo store, once."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from products.demo import LOGINS, load_store


class Command(BaseCommand):
    help = "Load a grocery of about 3,000 products with people to log in as; does nothing where products are."

    def handle(self, *args: Any, **options: Any) -> None:
        if getattr(settings, "PRODUCTION", False):
            raise CommandError(
                _("The demo store has known passwords and is not for production. Unset BATCHSITE_PRODUCTION.")
            )
        loaded = load_store()
        if loaded is None:
            self.stdout.write(_("There are products already; nothing was loaded."))
            return
        self.stdout.write(
            _("Loaded %(products)d products, %(users)d users, %(batches)d batches. Log in as:") % loaded
        )
        for username, password, what in LOGINS:
            self.stdout.write(f"  {username:10} {password:15} {what}")
