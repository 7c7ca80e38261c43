"""What every check of this test is made of: something that is expected, something that is waited for, and a line that says it held."""

import time

from emulator import Failed

PATIENCE_SECONDS = 90


def wait_for(what, found):
    """What `found` finds, which asks again and again: the emulator delivers in its own time."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        answer = found()
        if answer:
            return answer
        time.sleep(0.25)
    raise Failed(f"not within {PATIENCE_SECONDS} s: {what}")


def expect(found, wanted, what):
    if found != wanted:
        raise Failed(f"{what}: expected {wanted!r}, found {found!r}")


def said(line, clock=[time.monotonic()]):
    """Prints what holds now, and the seconds since the line before."""
    now = time.monotonic()
    print(f"  {now - clock[0]:6.1f} s  {line}", flush=True)
    clock[0] = now
