"""``POST /api/…``: everything that the owner can do, by the same functions as the pages and the commands."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request

from stonechat.core.model import Content
from stonechat.dashboard.api_models import (
    REFUSALS,
    Addresses,
    Answer,
    ApprovalBody,
    AuditLine,
    ByAccount,
    ContentAnswer,
    ContentSaid,
    EditedText,
    Forcing,
    MovedAnswer,
    NewContent,
    NewContentAnswer,
    NewTime,
    PictureBody,
    Reason,
    RunsAnswer,
    SessionBody,
    Silence,
    WhichChannel,
    WhichGoal,
    WhichPosting,
    WhichRuns,
)
from stonechat.dashboard.doors import Doors
from stonechat.dashboard.guard import Guard
from stonechat.owner import (
    Done,
    Door,
    Owner,
    alerts,
    authors,
    breakers,
    editing,
    goals,
    jobs,
    log_in,
    moving,
    pictures,
    posting,
    queue,
    reserve,
    submission,
)


def api_actions(guard: Guard, doors: Doors) -> APIRouter:
    """Everything that changes something, as JSON."""
    router = APIRouter(prefix="/api", tags=["actions"], responses=REFUSALS)

    def owner_of(request: Request) -> Owner:
        visitor = guard.visitor(request)
        if visitor is None:  # the middleware has refused already
            raise HTTPException(401, "log in first")
        return doors.owner(visitor, Door.API)

    come_in = Depends(owner_of)
    _on_the_queue(router, doors, come_in)
    _on_texts(router, doors, come_in)
    _on_the_reserve(router, doors, come_in)
    _on_accounts(router, doors, come_in)
    _on_authors(router, doors, come_in)
    _on_posting(router, doors, come_in)
    _on_jobs(router, doors, come_in)
    _on_breakers(router, doors, come_in)
    _on_alerts(router, doors, come_in)
    _on_learning(router, doors, come_in)
    return router


async def _answer(doors: Doors, acting: Awaitable[Done[Any]]) -> Answer:
    return Answer.model_validate(await doors.pass_on(acting))


async def _content(doors: Doors, acting: Awaitable[Done[Content]]) -> ContentAnswer:
    done = await doors.pass_on(acting)
    return ContentAnswer(**_told(done), content=ContentSaid.model_validate(done.value))


def _told(done: Done[Any]) -> dict[str, Any]:
    return {"said": done.said, "line": AuditLine.model_validate(done.line)}


def _why(body: Reason | None) -> str:
    return body.why if body is not None else ""


def _on_the_queue(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/queue/{content_id}/approve")
    async def approve(
        content_id: str, body: ApprovalBody | None = None, owner: Owner = come_in
    ) -> ContentAnswer:
        """Let content that waits for approval go out at its time, exactly as it stands."""
        return await _content(doors, queue.approve(owner, content_id, seen=body.seen if body else None))

    @router.post("/queue/{content_id}/reject")
    async def reject(content_id: str, body: Reason | None = None, owner: Owner = come_in) -> ContentAnswer:
        """Never post it; where a reason is given, the writer is told."""
        return await _content(doors, queue.reject(owner, content_id, why=_why(body)))

    @router.post("/queue/{content_id}/cancel")
    async def cancel(content_id: str, body: Reason | None = None, owner: Owner = come_in) -> ContentAnswer:
        """Take it out of the queue for good."""
        return await _content(doors, queue.cancel(owner, content_id, why=_why(body)))

    @router.post("/queue/{content_id}/again")
    async def again(content_id: str, body: Reason | None = None, owner: Owner = come_in) -> ContentAnswer:
        """Queue failed or missed content again, due now. Look at the profile first."""
        return await _content(doors, queue.queue_again(owner, content_id, why=_why(body)))

    @router.post("/queue/{content_id}/live")
    async def live(content_id: str, body: Addresses, owner: Owner = come_in) -> ContentAnswer:
        """A failed post is on the profile after all: it becomes posted, and is measured."""
        return await _content(doors, queue.found_live(owner, content_id, body.posts))

    @router.post("/queue/{content_id}/move")
    async def move(content_id: str, body: NewTime, owner: Owner = come_in) -> MovedAnswer:
        """Give it another time; says what is nearer to it than the account's spacing."""
        acting = moving.move(owner, content_id, body.at, spacing=doors.spacing(), seen=body.seen)
        done = await doors.pass_on(acting)
        content = ContentSaid.model_validate(done.value.content)
        return MovedAnswer(**_told(done), content=content, clashes=[one.id for one in done.value.clashes])


def _on_texts(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/queue")
    async def submit(request: Request, body: NewContent, owner: Owner = come_in) -> NewContentAnswer:
        """Queue a post of your own: reviewed, held for approval and published as any other."""
        given = submission.Submission(
            parts=tuple(part.strip() for part in body.parts),
            account=body.account,
            at=body.at,
            pictures=[
                submission.GivenPicture(one.body, one.alt.strip(), one.part - 1) for one in body.pictures
            ],
            again=body.again,
            despite=frozenset(body.despite),
            hold=f"{owner.name} has drafted it" if doors.holds_drafts(request) else "",
        )
        acting = submission.submit(owner, doors.drafter(), doors.networks(), given)
        done = await doors.pass_on(acting)
        content = ContentSaid.model_validate(done.value.content)
        return NewContentAnswer(**_told(done), content=content, new=done.value.new)

    @router.post("/queue/{content_id}/edit")
    async def edit(content_id: str, body: EditedText, owner: Owner = come_in) -> ContentAnswer:
        """Replace the text; it passes the same review, and counts as approved by you."""
        parts = [part.strip() for part in body.parts]
        over = frozenset(body.despite)
        acting = editing.edit(owner, doors.drafter(), content_id, parts, despite=over, seen=body.seen)
        return await _content(doors, acting)

    @router.post("/queue/{content_id}/attach")
    async def attach(content_id: str, body: PictureBody, owner: Owner = come_in) -> ContentAnswer:
        """Add a picture; what is queued counts as approved anew, by you."""
        networks = doors.networks()
        return await _content(
            doors, pictures.attach(owner, networks, content_id, body.body, body.alt, part=body.part)
        )

    @router.post("/queue/{content_id}/detach")
    async def detach(content_id: str, owner: Owner = come_in) -> ContentAnswer:
        """Take every picture off."""
        return await _content(doors, pictures.detach(owner, content_id))


def _on_the_reserve(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/reserve/{draft_id}/approve")
    async def approve_draft(draft_id: str, owner: Owner = come_in) -> Answer:
        """Approve a draft ahead, so that it needs no approval when it is drawn."""
        return await _answer(doors, reserve.approve(owner, draft_id))

    @router.post("/reserve/{draft_id}/discard")
    async def discard_draft(draft_id: str, owner: Owner = come_in) -> Answer:
        """Take a draft out of the reserve for good."""
        return await _answer(doors, reserve.discard(owner, draft_id))


def _on_accounts(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/accounts/{account}/session")
    async def import_session(account: str, body: SessionBody, owner: Owner = come_in) -> Answer:
        """Log an account in by cookies that another browser exported; the network is asked whose they are."""
        return await _answer(doors, log_in.import_session(owner, doors.session_import(), account, body.body))

    @router.post("/accounts/{account}/remove")
    async def remove(account: str, body: Reason | None = None, owner: Owner = come_in) -> Answer:
        """Remove an account's saved log-in and hold its posting; its history stays."""
        return await _answer(doors, log_in.forget(owner, account, why=_why(body)))


def _on_authors(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/authors/{handle}/mute")
    async def mute(handle: str, body: ByAccount | None = None, owner: Owner = come_in) -> Answer:
        """Never reply to or quote somebody again, from one account or from every one."""
        account = body.account if body else None
        return await _answer(doors, authors.mute(owner, handle, account, why=_why(body)))

    @router.post("/authors/{handle}/unmute")
    async def unmute(handle: str, body: ByAccount | None = None, owner: Owner = come_in) -> Answer:
        """Allow replies to somebody again, who was muted or has asked for none."""
        account = body.account if body else None
        return await _answer(doors, authors.unmute(owner, handle, account, why=_why(body)))


def _on_learning(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/learning/{account}/goal")
    async def goal(account: str, body: WhichGoal, owner: Owner = come_in) -> Answer:
        """Learn towards another goal; what was learned is made anew from the stored readings."""
        return await _answer(doors, goals.choose(owner, account, body.goal, doors.maturity))


def _on_posting(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/posting/pause")
    async def pause(body: WhichPosting, owner: Owner = come_in) -> Answer:
        """Hold every post and reply of an account, or of all, at once and on every host; nothing is lost."""
        return await _answer(doors, posting.pause(owner, body.target, why=body.why))

    @router.post("/posting/resume")
    async def resume(body: WhichPosting, owner: Owner = come_in) -> Answer:
        """Let posting go on; with all, that of each account."""
        return await _answer(doors, posting.resume(owner, body.target, why=body.why))


def _on_jobs(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/jobs/{job}/run")
    async def run(job: str, body: WhichRuns | None = None, owner: Owner = come_in) -> RunsAnswer:
        """Have a job run now, even one that is paused: for one account, or for each."""
        done = await doors.pass_on(jobs.run(owner, doors.operations(), job, body.account if body else None))
        return RunsAnswer(**_told(done), runs=done.value)

    @router.post("/jobs/{job}/pause")
    async def pause_job(job: str, body: ByAccount | None = None, owner: Owner = come_in) -> Answer:
        """Hold a job's schedule, or with all every one, until it is resumed; a run at work goes on."""
        account = body.account if body else None
        return await _answer(doors, jobs.pause(owner, doors.operations(), job, account, why=_why(body)))

    @router.post("/jobs/{job}/resume")
    async def resume_job(job: str, body: ByAccount | None = None, owner: Owner = come_in) -> Answer:
        """Let a job's schedule go on; with all, every one."""
        account = body.account if body else None
        return await _answer(doors, jobs.resume(owner, doors.operations(), job, account, why=_why(body)))

    @router.post("/runs/{run_id:path}/cancel")
    async def cancel_run(run_id: str, owner: Owner = come_in) -> Answer:
        """Stop a run that waits or is at work, on whichever host; it is not taken up again."""
        return await _answer(doors, jobs.cancel_run(owner, doors.operations(), run_id))


def _on_breakers(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/breakers/{name:path}/force")
    async def force(name: str, body: Forcing, owner: Owner = come_in) -> Answer:
        """Force a breaker open (nothing is tried) or closed (everything is) until it is released."""
        return await _answer(doors, breakers.force(owner, name, body.to, why=body.why))

    @router.post("/breakers/{name:path}/release")
    async def release(name: str, body: Reason | None = None, owner: Owner = come_in) -> Answer:
        """End a forcing: the breaker decides for itself again."""
        return await _answer(doors, breakers.release(owner, name, why=_why(body)))

    @router.post("/breakers/{name:path}/reset")
    async def reset(name: str, body: Reason | None = None, owner: Owner = come_in) -> Answer:
        """Forget its failures: an open breaker is probed at once, a forced one is released."""
        return await _answer(doors, breakers.reset(owner, name, why=_why(body)))


def _on_alerts(router: APIRouter, doors: Doors, come_in: Any) -> None:
    @router.post("/alerts/test")
    async def test(body: WhichChannel | None = None, owner: Owner = come_in) -> Answer:
        """Send a test message through each channel, or the one that is named; says which of them took it."""
        name = body.channel if body else ""
        return await _answer(doors, alerts.try_channels(owner, doors.channels(), name))

    @router.post("/alerts/{alert_id}/acknowledge")
    async def acknowledge(alert_id: str, body: Reason | None = None, owner: Owner = come_in) -> Answer:
        """You see to it: it is not repeated."""
        return await _answer(doors, alerts.acknowledge(owner, alert_id, why=_why(body)))

    @router.post("/alerts/{alert_id}/silence")
    async def silence(alert_id: str, body: Silence | None = None, owner: Owner = come_in) -> Answer:
        """No messages about it for so long, or until its incident is over."""
        length = alerts.length_of(body.length if body else "")
        return await _answer(doors, alerts.silence(owner, alert_id, length=length, why=_why(body)))

    @router.post("/alerts/{alert_id}/unsilence")
    async def unsilence(alert_id: str, body: Reason | None = None, owner: Owner = come_in) -> Answer:
        """Lift a silence: messages about it are sent again."""
        return await _answer(doors, alerts.unsilence(owner, alert_id, why=_why(body)))
