"""A small Luigi graph: orders of two shops, cleaned, summed and ranked, and a report of both."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import luigi

SHOPS = ("north", "south")


class ShopTask(luigi.Task):
    """A task of one day, whose runs are written down in `runs.txt`."""

    folder = luigi.Parameter()
    day = luigi.DateParameter()

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(Path(self.folder) / f"{self.task_family}-{self.day}{self.suffix}.txt")

    @property
    def suffix(self) -> str:
        return ""

    def write(self, text: str) -> None:
        with (Path(self.folder) / "runs.txt").open("a") as runs:
            runs.write(f"{self.task_family}{self.suffix}\n")
        with self.output().open("w") as file:
            file.write(text)


class Orders(ShopTask):
    """Comes from outside."""

    shop = luigi.Parameter()
    run = None

    @property
    def suffix(self) -> str:
        return f"-{self.shop}"


class Clean(ShopTask):
    """The orders that have a number."""

    shop = luigi.Parameter()

    @property
    def suffix(self) -> str:
        return f"-{self.shop}"

    def requires(self) -> Orders:
        return self.clone(Orders)

    def run(self) -> None:
        with self.input().open() as file:
            numbers = [line for line in file.read().split() if line.isdigit()]
        if not numbers:
            raise ValueError(f"{self.shop} sold nothing")
        self.write(" ".join(numbers))


class Total(ShopTask):
    """What all shops sold."""

    def requires(self) -> set[Clean]:
        return {self.clone(Clean, shop=shop) for shop in SHOPS}

    def run(self) -> None:
        self.write(str(sum(int(each) for file in self.input() for each in file.open().read().split())))


class Best(ShopTask):
    """The largest order."""

    def requires(self) -> dict[str, Clean]:
        return {shop: self.clone(Clean, shop=shop) for shop in SHOPS}

    def run(self) -> None:
        self.write(str(max(int(each) for file in self.input().values() for each in file.open().read().split())))


class Report(ShopTask):
    """Both; a diamond over the shops."""

    def requires(self) -> list[luigi.Task]:
        return [self.clone(Total), self.clone(Best)]

    def run(self) -> None:
        total, best = (file.open().read() for file in self.input())
        self.write(f"{total} {best}")


class All(luigi.WrapperTask):
    """Has no output of its own."""

    folder = luigi.Parameter()
    day = luigi.DateParameter()

    def requires(self) -> Report:
        return self.clone(Report)


class Rounds(ShopTask):
    """Finds out while it runs what it needs: as many rounds as the report's total."""

    def requires(self) -> Report:
        return self.clone(Report)

    def run(self):
        rounds = int(self.input().open().read().split()[0])
        files = yield [self.clone(Round, number=number) for number in range(rounds)]
        self.write(" ".join(file.open().read() for file in files))


class Round(ShopTask):
    """One round."""

    number = luigi.IntParameter()

    @property
    def suffix(self) -> str:
        return f"-{self.number}"

    def run(self) -> None:
        if self.number > 50:
            raise ValueError("too many rounds")
        self.write(str(self.number))


class Forgetful(ShopTask):
    """Writes nothing."""

    def run(self) -> None:
        pass


class Diary(ShopTask):
    """Follows its own yesterday until a day that is there."""

    def requires(self) -> Diary:
        return self.clone(day=self.day - dt.timedelta(days=1))

    def run(self) -> None:
        self.write("a page")


class Month(ShopTask):
    """A graph whose shape depends on the day."""

    def requires(self) -> list[Round]:
        return [self.clone(Round, number=number) for number in range(self.day.day)]

    def run(self) -> None:
        self.write("a month")


class Circle(ShopTask):
    """Requires itself over a corner."""

    number = luigi.IntParameter(default=0)

    def requires(self) -> Circle:
        return self.clone(number=1 - self.number)
