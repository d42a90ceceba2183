"""Layer 8: the metrics of our own posts, many from one page; empty or shrunken data is never a metric.

Others use what ``jobs`` declares: ``scraping.metrics`` and ``scraping.reply_metrics`` read how posts and
replies do, ``scraping.analytics`` the followers; ``scraping.selectors`` (``selector_check``) looks once a
day whether everything that is read from pages is still there. A snapshot is appended and never changed.

::

    scraper = Scraper(database, clock, networks, events, settings.scraping, store)
    work = await scraper.posts(ctx)        # Work(done=…, due=…)
"""
