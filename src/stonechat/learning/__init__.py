"""Layer 10: turns matured metrics into rewards, and rewards into the next choice.

It promises that each post is judged exactly once (the reward log is append-only), that every choice is logged
with its probability, and that a version of the model serves only after it has passed its checks. Any version
can be rebuilt from the log bit for bit. Others use :class:`~stonechat.learning.learner.Learner`, the jobs
that it declares, and :class:`~stonechat.learning.reports.LearningReports`; everything below it
(``bandit``, ``reward``, ``policy``, ``uplift`` …) is pure.

::

    learner = Learner(database, events, settings.learning, factors_of)
    choices = await learner.choose(account.id, rng, clock.now(), 3, new=())
    choices[0].arm, choices[0].propensity, choices[0].holdout
    summary = await LearningReports(database, maturity).summary(account.id, clock.now())   # for people
"""
