"""The owner decides that posts go out for real; the settings file says so from the next start on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stonechat.owner.action import Done, Owner


async def decide(
    owner: Owner, accounts: Sequence[str], rules: Sequence[str], write: Callable[[], None]
) -> Done[None]:
    """Have ``write`` change the settings file, and keep who let which accounts publish under which rules.

    Raises:
        Permanent: the file cannot be written; then nothing stands in the audit trail either.
    """
    async with owner.act("live.decide") as action:
        write()
        names = ", ".join(accounts)
        return await action.done(
            None,
            names[:200],
            said=f"From the next start on posts of {names} go out for real.",
            before="shadow",
            after="live",
            why=" ".join(rules)[:1000],
        )
