"""A table with one writer at a time: rows and the positions that they were read from land in one commit.

Positions are application transactions of Delta ("Transaction Identifiers" in its protocol): one id a position. The
library appends a repeated transaction again, so the refusal is built on what it does hold: of two commits that share
an id, the one whose handle is older is refused. Every commit here carries the id of the writer, so a claim, an empty
commit, refuses whatever an earlier writer still has under way.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.errors import FencedError, ServiceUnavailableError

log = logging.getLogger(__name__)

WRITER = "ai-patterns/writer"
"""Application whose transaction numbers count the claims."""

RETENTION = {"delta.logRetentionDuration": "interval 30 days", "delta.deletedFileRetentionDuration": "interval 7 days"}
"""How long old versions stay readable, and how long the files of a compaction are kept."""

SMALL_FILES = 64
"""Files beyond one a partition at which they are put together."""

_ATTEMPTS = 10


@dataclass(frozen=True)
class FencedTable:
    """One writer's hold on a table.

    Attributes:
        path: where the table lies.
        claim: this writer's number; the greatest one holds the table.
    """

    path: str
    claim: int
    handle: DeltaTable

    @classmethod
    def hold(cls, lake: Lake, table: str, schema: pa.Schema) -> FencedTable:
        """Claim a table that is partitioned by day, made if it is absent; every earlier writer is refused from now on.

        Raises:
            FencedError: other writers claimed it again and again meanwhile.
            ServiceUnavailableError: it cannot be written.
        """
        lake.create(table, schema, (DAY,), RETENTION)
        for _ in range(_ATTEMPTS):
            handle = lake.open(table)
            held = cls(lake.path(table), (handle.transaction_version(WRITER) or 0) + 1, handle)
            try:
                held.append(schema.empty_table(), {})
            except FencedError as error:
                log.info("The claim was overtaken: %s", error)
            else:
                return held
        raise FencedError(f"{lake.path(table)} is claimed by other writers again and again; run one writer a table")

    def require_held(self) -> None:
        """See that no other writer has claimed the table since.

        Raises:
            FencedError: one has.
        """
        self.handle.update_incremental()
        self._require_newest()

    def append(self, rows: pa.Table, positions: Mapping[str, int]) -> None:
        """Add rows and record positions, both or neither.

        Raises:
            FencedError: another writer claimed the table; nothing was added.
            ServiceUnavailableError: it cannot be written, such as on a full disk; nothing became visible.
        """
        self._require_newest()  # the library refuses what a commit after this handle forbids, not one before it
        transactions = [Transaction(app, version) for app, version in {WRITER: self.claim, **positions}.items()]
        properties = CommitProperties(app_transactions=transactions)
        try:
            write_deltalake(self.handle, rows, mode="append", commit_properties=properties)
        except CommitFailedError as error:
            raise FencedError(f"another writer took {self.path} over: {error}. This one stops; let one run.") from error
        except (OSError, DeltaError) as error:
            raise ServiceUnavailableError(
                f"rows cannot be written to {self.path}: {error}. Nothing of the batch is visible; make room or repair "
                "the storage, and run it again.",
                conn_id="ai_patterns_lake",
            ) from error

    def tidy(self) -> bool:
        """Put small files together where there are many, and delete files that no kept version needs."""
        if len(self.handle.file_uris()) - len(self.handle.partitions()) < SMALL_FILES:
            return False
        self.handle.optimize.compact()
        gone = self.handle.vacuum(dry_run=False, full=True)
        log.info("Put the files of %s together; %d old ones are deleted.", self.path, len(gone))
        return True

    def _require_newest(self) -> None:
        if (self.handle.transaction_version(WRITER) or 0) > self.claim:
            raise FencedError(f"another writer took {self.path} over. This one stops; let one run.")
