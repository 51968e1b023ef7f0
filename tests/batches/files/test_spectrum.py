"""The shapes of csv-spectrum, written out: each is read as its JSON says, where that does not contradict the file's own bytes."""

import pytest

from batches.files import Reader, sniff

from .books import csv_file

# Name -> bytes of the file, rows of its JSON below the headings.
SPECTRUM = {
    "comma_in_quotes": (
        b'first,last,address,city,zip\nJohn,Doe,120 any st.,"Anytown, WW",08123',
        [["John", "Doe", "120 any st.", "Anytown, WW", "08123"]],
    ),
    "empty": (b'a,b,c\n1,"",""\n2,3,4', [["1", "", ""], ["2", "3", "4"]]),
    "empty_crlf": (b'a,b,c\r\n1,"",""\r\n2,3,4', [["1", "", ""], ["2", "3", "4"]]),
    "escaped_quotes": (b'a,b\n1,"ha ""ha"" ha"\n3,4\n', [["1", 'ha "ha" ha'], ["3", "4"]]),
    "json": (
        b'key,val\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n',
        [["1", '{"type": "Point", "coordinates": [102.0, 0.5]}']],
    ),
    "newlines": (
        b'a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
        [["1", "2", "3"], ["Once upon \na time", "5", "6"], ["7", "8", "9"]],
    ),
    "quotes_and_newlines": (b'a,b\n1,"ha \n""ha"" \nha"\n3,4\n', [["1", 'ha \n"ha" \nha'], ["3", "4"]]),
    "simple": (b"a,b,c\n1,2,3\n", [["1", "2", "3"]]),
    "simple_crlf": (b"a,b,c\r\n1,2,3\r\n", [["1", "2", "3"]]),
    "utf8": (b"a,b,c\n1,2,3\n4,5,\xca\xa4", [["1", "2", "3"], ["4", "5", "ʤ"]]),
}


def read(data, name):
    file = csv_file(data)
    reader = Reader(file, sniff(file, name), name)
    return [cells for _line, cells in reader.records()], reader


@pytest.mark.parametrize("name", SPECTRUM)
def test_each_shape_is_read_as_its_json_says(name):
    data, expected = SPECTRUM[name]
    rows, reader = read(data, f"{name}.csv")
    assert (rows, reader.unreadable) == (expected, [])
    assert reader.reading.headings == data.decode().split("\n")[0].strip().split(",")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_line_break_in_a_cell_is_the_one_that_the_file_has(ending):
    """Upstream's JSON of newlines_crlf has CR LF where its CSV has LF; bytes win."""
    data = b'a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n'.replace(b"\n", ending.encode())
    rows, _reader = read(data, "newlines_crlf.csv")
    assert rows[1][0] == f"Once upon {ending}a time"


def test_a_bare_quote_is_refused_with_its_row_and_column():
    """Upstream's location_coordinates, whose JSON also has another phone number than its CSV."""
    data = (
        "Contact Phone Number,Location Coordinates,Cities,Counties\n"
        "2095257564,37\ufffd36'37.8\"N 121\ufffd2'17.9\"W,Modesto,Stanislaus"
    )
    rows, reader = read(data.encode(), "location_coordinates.csv")
    assert rows == []
    (bad,) = reader.unreadable
    assert (bad.code, bad.line, bad.params["row"], bad.params["column"]) == ("bare_quote", 2, 2, 2)
    assert bad.message.startswith("Row 2, column 2")
