"""`python -m ai_patterns.services.features`: one process that serves one repository's features."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn
from feast import FeatureStore

from ai_patterns.clients.feast import open_store
from ai_patterns.services.edge.one_write import OneWriteProtocol
from ai_patterns.services.features.app import create_app
from ai_patterns.services.features.catalog import Catalog
from ai_patterns.services.features.named_sets import NamedSets
from ai_patterns.services.features.service import Service
from ai_patterns.services.features.settings import Settings, read_settings
from ai_patterns.services.features.stores import FeastReader, Reader, Turn, turn_of
from ai_patterns.services.features.writing import RowWriter, Writer
from ai_patterns.spec.loading import load_system


def build_service(settings: Settings) -> Service:
    """Wire the parts; the store is not read yet.

    Raises:
        ServiceUnavailableError: the folder holds no repository.
        SpecError: the system's spec is wrong.
    """
    store = open_store(settings.repo)
    turn = turn_of(store)
    reader, quick = _store_access(store, turn, settings.kept_entities)
    catalog = Catalog(store, reader, turn)
    folder = settings.system_folder
    sets = NamedSets(load_system(folder), catalog) if folder is not None else None
    return Service(catalog, sets, Writer(catalog, quick), settings)


def _store_access(store: FeatureStore, turn: Turn, kept: int) -> tuple[Reader, RowWriter | None]:
    """The quickest way to the repository's online store."""
    if "redis" in str(store.config.online_store.type).lower():
        from ai_patterns.services.features.redis_link import RedisLink
        from ai_patterns.services.features.redis_reader import RedisReader, redis_place
        from ai_patterns.services.features.redis_writer import RedisWriter

        place = redis_place(store)
        if place is not None:
            link = RedisLink(place, tracking=kept > 0)
            return RedisReader(store, link, kept), RedisWriter(store, link)
    return FeastReader(store, turn), None


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; open requests are answered and open writes finished."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(build_service(settings))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        http=OneWriteProtocol,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
    )


def main() -> None:
    """Serve as the command line and the environment say."""
    serve(read_settings(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
