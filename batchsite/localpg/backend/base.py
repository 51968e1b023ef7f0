"""The backend: Django's own, but for the first connection to a server that is down."""

from pathlib import Path
from typing import Any

import psycopg2
from django.db.backends.postgresql import base, client

from batchsite.localpg.binaries import find_binaries
from batchsite.localpg.exceptions import LocalPostgresError
from batchsite.localpg.server import Server


class DatabaseClient(client.DatabaseClient):
    @classmethod
    def settings_to_cmd_args_env(cls, settings_dict: dict[str, Any], parameters: list[str]) -> tuple:
        """Use the psql that came with the server."""
        command, environment = super().settings_to_cmd_args_env(settings_dict, parameters)
        return [find_binaries(None).path("psql"), *command[1:]], environment


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except psycopg2.OperationalError:
            local = self.settings_dict["LOCALPG"]
            try:
                Server(Path(local["var"]), local["cluster"]).ensure()
            except LocalPostgresError as error:
                raise psycopg2.OperationalError(str(error)) from error
            return super().get_new_connection(conn_params)
