"""A small drop with an account that is to be forgotten, wherever a log can hide its name."""

from __future__ import annotations

from pathlib import Path

HEADER = "event_time,token,account,event_name,product,version,os,user_state,duration_s,value,status"
CANARY = "acct-CANARY-7391"
TOKENS = ("tok-CANARY-1", "tok-CANARY-2", "tok-CANARY-3")
OTHERS = tuple(f"other-{number}" for number in range(6))


def line(time: str, token: str, account: str, name: str = "PDF Opened", duration: str = "1.5") -> str:
    return f"{time},{token},{account},{name},P,1,OS,active,{duration},,ok"


def usage(account: str, tokens: tuple[str, ...]) -> list[str]:
    """Two events a month of each token, January to March."""
    return [
        line(f"2025-0{month}-{day:02d} 05:06:07.000", token, account)
        for month in (1, 2, 3)
        for token in tokens
        for day in (3, 3 + len(token))
    ]


def write_drop(folder: Path) -> Path:
    """Four files: others' usage, the canary's own file, one of damaged lines, one without its header."""
    own, usual = usage(CANARY, TOKENS[:2]), "2025-02-07 08:09:10.000"
    others = [row for account in OTHERS for row in usage(account, (f"{account}-t1", f"{account}-t22"))]
    damaged = [
        own[0],  # a copy
        line("yesterday", "other-0-t1", CANARY),  # another's token
        line("yesterday", TOKENS[0], CANARY),
        line("yesterday", "other-1-t1", "other-1"),
        line(usual, TOKENS[2], CANARY, duration="long"),  # the only row with which this token is known
        line(usual, TOKENS[2], ""),
        line(usual, TOKENS[0], ""),
        f'{usual},{TOKENS[0]},"{CANARY},PDF Opened',
        f"{CANARY};{TOKENS[1]}",
        line(usual, "", "other-2"),
    ]
    files = {
        "others.csv": [HEADER, *others],
        f"{CANARY}/{CANARY}.csv": [HEADER, *own],
        "damaged.csv": [HEADER, *damaged],
        "headless.csv": [*usage(CANARY, TOKENS[:1]), *usage(OTHERS[0], ("other-0-t1",))],
    }
    for name, lines in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    return folder


def write_accounts(path: Path) -> Path:
    """The accounts file: the canary and all others, with an industry."""
    rows = [f"{account},{'Print' if number % 2 else 'Media'}" for number, account in enumerate((CANARY, *OTHERS))]
    path.write_text("\n".join(["account,industry", *rows]) + "\n")
    return path
