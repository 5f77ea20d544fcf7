"""A request to go back, in Markdown. Comes in: why, which commits. Goes out: text. Caller: cli `ci apply`."""

from __future__ import annotations


def rollback_markdown(reason: str, bad: str, good: str, *, link: str) -> str:
    """What a request to go back says. `bad`: the commit that is left and held; `good`: the one that was last
    applied as a whole; `link`: the job that ended."""
    job = f" ([job]({link}))" if link else ""
    return (
        f"**{reason}**{job}, and nothing was written to the stores that follow.\n\n"
        f"This goes back to `{good[:10]}`, which was applied last as a whole, and holds `{bad[:10]}`, so that"
        " nothing applies it again. What was renamed since is renamed back.\n\n"
        "To go on instead, mend the cause and run the apply once more: what is done is skipped, and what has"
        " not stood its time is waited for. Then close this.\n"
    )
