"""Sensors that leave their slot while they wait."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from ai_patterns.errors import MissingDependencyError, ServiceRejectedError, SpecError
from ai_patterns.triggers.polling import PollingTrigger


class DeferringSensor(BaseSensorOperator):
    """Looks once in the task, and hands the waiting to a trigger; subclasses implement `look` and `trigger`.

    Args:
        deferrable: whether to wait in the triggerer instead of a task slot.
        kwargs: as of Airflow's sensors; `poke_interval` and `timeout` count here as there.
    """

    # Airflow's own default of `default_deferrable` is off, so it cannot tell who chose to wait in a slot.
    def __init__(self, *, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable

    @abstractmethod
    def trigger(self, context: Context) -> PollingTrigger:
        """What waits."""

    @abstractmethod
    def look(self, context: Context) -> Any | None:
        """The answer now, or None."""

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        answer = self.look(context)
        return PokeReturnValue(is_done=answer is not None, xcom_value=answer)

    def execute(self, context: Context) -> Any:
        """Return the answer, at once or when it is there."""
        try:
            if not self.deferrable:
                return super().execute(context)
            answer = self.look(context)
            if answer is None:
                self.log.info("Not there yet: waiting in the triggerer")
                timeout = dt.timedelta(seconds=self.timeout)
                self.defer(trigger=self.trigger(context), method_name="execute_complete", timeout=timeout)
        except (SpecError, MissingDependencyError, ServiceRejectedError) as error:
            raise AirflowFailException(str(error)) from error
        return answer

    def execute_complete(self, context: Context, event: Any) -> Any:  # noqa: ARG002  the signature is Airflow's
        """Return what the trigger found."""
        self.log.info("It is there: %s", event)
        return event
