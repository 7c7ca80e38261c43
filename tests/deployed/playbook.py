"""The playbook of this test: the example, with what would make it wait for a working day or refuse the test's addresses changed.

Owns a copy of the folder and the bundle that is built of it. Never changes the folder that it copies.
"""

import pathlib
import shutil
import subprocess

from emulator import Failed

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
WEEKDAYS = '["mon", "tue", "wed", "thu", "fri"]'

# What stands in the example, and what stands here. Each must be there, or the test would not test what it says.
ALWAYS_AT_WORK = [
    ('time_zone = "Europe/Berlin"\nworking_days = ' + WEEKDAYS, 'time_zone = "UTC"\nworking_days = ' + WEEKDAYS),
    ("working_days = " + WEEKDAYS, 'working_days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]'),
    ('holidays = ["2026-12-25", "2027-01-01"]', "holidays = []"),
    ('window = { from = "09:00", to = "18:00" }', 'window = { from = "00:00", to = "23:59" }'),
    ('allow = ["@fernhill.example.com"]', 'allow = ["@fernhill.example.com", "@acme.example.com"]'),
]
# A line of every mail about a price: what reps read after the playbook alone has changed.
OLD_TALK = "You looked at prices: for how many people"
NEW_TALK = "Last week we changed how we charge: for how many people"
CHANGED_TALK = [(OLD_TALK, NEW_TALK)]


class Playbook:
    """A copy of the example, built by the `perennial` command."""

    def __init__(self, folder: pathlib.Path, perennial: pathlib.Path):
        self.source, self.bundle, self.perennial = folder / "source", folder / "bundle" / "playbook.json", perennial
        skip = shutil.ignore_patterns("build", "example")
        shutil.copytree(REPOSITORY / "infra" / "playbook", self.source, ignore=skip)
        self.change(ALWAYS_AT_WORK)

    def change(self, replacements):
        """Replaces lines of playbook.toml and builds the bundle again."""
        file = self.source / "playbook.toml"
        text = file.read_text(encoding="utf-8")
        for old, new in replacements:
            if old not in text:
                raise Failed(f"the example playbook no longer says {old!r}: change tests/deployed/playbook.py with it")
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
        self.bundle.parent.mkdir(parents=True, exist_ok=True)
        build = [self.perennial, "playbook", "build", self.source, "--out", self.bundle]
        built = subprocess.run(build, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise Failed(f"the test's playbook cannot be built:\n{built.stdout}{built.stderr}")
