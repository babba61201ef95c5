"""Tests of the driver, with programs that only print: `python3 benches/peers/test_driver.py`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

import report
from runs import QUIET, BadInput, Comparison, Kind, Log, Machine, Program, Run, measure

CORE = max(os.sched_getaffinity(0))


def program(name: str, code: str, kind: Kind = Kind.SAME) -> Program:
    """A program that runs this code."""
    return Program(name, (sys.executable, "-c", code), ("ms", "median"), kind)


def prints(number: float) -> str:
    return f"print('{json.dumps({'ms': {'median': number}, 'floor': 1.0})}')"


def run(program: str, number: int, value: float | None, share: float) -> Run:
    """A run that is over."""
    document = None if value is None else {"ms": {"median": value}, "floor": 1.0}
    failure = "it broke" if value is None else None
    found = Run("Work", program, number, date="today", document=document, failure=failure)
    found.core_share = share
    return found


class Driver(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.addCleanup(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        self.log = self.empty()
        peers = [
            program("slow", prints(6)),
            program("broken", "raise ValueError('it broke')"),
            program("other", prints(9), Kind.OTHER),
            Program("floor", (), ("floor",), Kind.PART),
        ]
        self.comparison = Comparison("Work", "ms", True, program("pmoe", prints(2)), peers)

    def empty(self, fixed: str = "same") -> Log:
        return Log(Path(self.folder.name) / "log.json", {"fixed": fixed}, {})

    def measure(self, log: Log, tries: int = 2) -> None:
        machine = Machine(dict(os.environ), CORE, {CORE}, tries)
        measure([self.comparison], 1, log, machine)

    def rows(self, allow_noise: bool = False) -> dict[str, list[str]]:
        found = report.make([self.comparison], self.log, 2, allow_noise)
        return {row[2]: row for row in found.rows}

    def test_a_failure_costs_only_its_own_figures(self) -> None:
        self.measure(self.log)
        rows = self.rows(allow_noise=True)
        self.assertEqual(rows["slow"][3:6], ["2.00", "6.00", "3.00× as fast"])
        self.assertEqual(rows["broken"][4:6], ["n/a", "n/a"])
        self.assertEqual(rows["other"][5], "another algorithm: no ratio")
        self.assertEqual(rows["floor"][5], "2.00 of its time")
        text = report.make([self.comparison], self.log, 2, True).text(True)
        self.assertIn("- Work: broken: ValueError: it broke", text)

    def test_a_stopped_measurement_goes_on_where_it_was(self) -> None:
        self.measure(self.log)
        # What was quiet stays, what was disturbed or failed runs again.
        for number, name in enumerate(("pmoe", "slow", "other")):
            self.log.runs["Work", name, 0].core_share = 1.0 if number < 2 else 0.5
        self.log.save()
        again = self.empty()
        again.load()
        for found in again.runs.values():
            found.date = "earlier"
        self.measure(again, tries=1)
        kept = {key[1] for key, found in again.runs.items() if found.date == "earlier"}
        self.assertLessEqual({"pmoe", "slow"}, kept)
        self.assertNotIn("broken", kept)
        self.assertEqual(len(again.runs["Work", "other", 0].noisy_tries), 1 + self.tries("other"))

    def tries(self, name: str) -> int:
        """How many disturbed ones the first measurement has kept."""
        return len(self.log.runs["Work", name, 0].noisy_tries)

    def test_other_settings_are_refused(self) -> None:
        self.log.save()
        with self.assertRaisesRegex(BadInput, "fixed was same, is other"):
            self.empty("other").load()
        self.log.path.write_text("{}", encoding="utf-8")
        with self.assertRaisesRegex(BadInput, "not a file of this version"):
            self.empty().load()

    def test_the_less_disturbed_try_is_kept_beside_the_other(self) -> None:
        for value, share in ((5, 0.4), (6, 0.8), (7, 0.6), (None, 0.0)):
            self.log.add(run("slow", 0, value, share))
        kept = self.log.runs["Work", "slow", 0]
        self.assertEqual(kept.core_share, 0.8)
        self.assertEqual(kept.document, run("slow", 0, 6, 0.8).document)
        self.assertEqual(sorted(t["core_share"] for t in kept.noisy_tries), [0.4, 0.6])

    def test_rows_of_a_disturbed_median_run_are_withheld(self) -> None:
        for number in (0, 1):
            self.log.add(run("pmoe", number, 2, QUIET))
            self.log.add(run("slow", number, 6 + 2 * number, QUIET - 0.1))
            self.log.add(run("other", number, 9, 1.0))
        self.assertEqual(self.rows()["slow"][3:6], ["withheld"] * 3)
        self.assertEqual(self.rows()["floor"][5], "2.00 of its time [2.00, 2.00]")
        self.assertEqual(self.rows(True)["slow"][5], "3.50× as fast [3.00, 4.00]")
        found = report.make([self.comparison], self.log, 2, True)
        self.assertEqual((found.noisy, found.without_ours), (1, 0))
        self.assertTrue(found.text(True).startswith("**Noisy: in 1 of 4 rows"))

    def test_a_program_that_uses_other_instructions_has_failed(self) -> None:
        told = program("pmoe", 'print(\'{"ms": {"median": 1}, "instructions": "AVX-512"}\')')
        comparison = Comparison("Work", "ms", True, told, [])
        machine = Machine(dict(os.environ), CORE, {CORE}, 1, "avx2")
        measure([comparison], 1, self.log, machine)
        found = self.log.runs["Work", "pmoe", 0]
        self.assertEqual(found.failure, "it used AVX-512, not avx2")


if __name__ == "__main__":
    unittest.main()
