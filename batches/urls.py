"""Addresses of the batch pages; a batch's own page is the admin's change page of its type."""

from django.urls import path

from .views import (
    add,
    again,
    bulk,
    downloads,
    make,
    overview,
    page,
    reading,
    remedies,
    rows,
    shared,
    split,
    unreadable,
    verbs,
    written,
)
from .views.base import site_page

app_name = "batches"


def _rows(verb: str) -> dict[str, str]:
    return {"verb": verb}


urlpatterns = [
    path("", site_page(overview.overview), name="overview"),
    path("<int:number>/", site_page(overview.to_batch), name="batch"),
    path("<int:number>/reading/", site_page(reading.set_reading), name="reading"),
    path("<int:number>/map/", site_page(make.map_columns), name="map"),
    path("<int:number>/collect/", site_page(make.collect), name="collect"),
    path("<int:number>/options/", site_page(make.options), name="options"),
    path("<int:number>/progress/", site_page(page.progress), name="progress"),
    path("<int:number>/summary/", site_page(page.summary), name="summary"),
    path("<int:number>/written/", site_page(written.listed), name="written"),
    path("<int:number>/log/", site_page(page.history), name="log"),
    path("<int:number>/unreadable/", site_page(unreadable.listed), name="unreadable"),
    path("<int:number>/unreadable/<int:record_id>/", site_page(unreadable.mend), name="mend"),
    path("<int:number>/unknown/<slug:code>/<slug:field>/", site_page(remedies.unknown), name="unknown"),
    path("<int:number>/remembered/", site_page(remedies.remembered), name="remembered"),
    path("<int:number>/shared/<slug:code>/", site_page(shared.shared), name="shared"),
    path("<int:number>/file/", site_page(downloads.original), name="file"),
    path("<int:number>/rows.csv", site_page(downloads.rows), {"kind": "csv"}, name="rows_csv"),
    path("<int:number>/rows.xlsx", site_page(downloads.rows), {"kind": "xlsx"}, name="rows_xlsx"),
    path("<int:number>/saved/<int:artifact_id>/", site_page(downloads.saved), name="saved"),
    path("<int:number>/change-all/", site_page(bulk.change_all), name="change_all"),
    path("<int:number>/split/", site_page(split.split), name="split"),
    path("<int:number>/add-row/", site_page(add.add_row), name="add_row"),
    path("<int:number>/again/", site_page(again.read_again), name="again"),
    path("<int:number>/exclude/", site_page(rows.set_all_aside), _rows("exclude"), name="exclude_all"),
    path("<int:number>/include/", site_page(rows.set_all_aside), _rows("include"), name="include_all"),
    path("<int:number>/rows/<int:row_id>/", site_page(rows.row), name="row"),
    path("<int:number>/rows/<int:row_id>/edit/", site_page(rows.edit), name="edit_row"),
    path(
        "<int:number>/rows/<int:row_id>/exclude/",
        site_page(rows.set_aside),
        _rows("exclude"),
        name="exclude_row",
    ),
    path(
        "<int:number>/rows/<int:row_id>/include/",
        site_page(rows.set_aside),
        _rows("include"),
        name="include_row",
    ),
    *[path(f"<int:number>/{verb}/", site_page(verbs.verb_page(verb)), name=verb) for verb in verbs.DO],
]
