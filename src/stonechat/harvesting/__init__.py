"""Layer 9: posts worth a reply and authors worth watching, in a pool that neither dries up nor swells.

It promises that whoever asks to be left alone is heard before anything of theirs is stored, in doubt too
(``stop_requests``), and that what is stored passed the same sieve (``candidate_filter``), wherever it was
found. Others use what ``jobs`` declares.

::

    wants_no_replies("@me please stop")     # True, in many languages
    opportunities_from(posts, account, sieve, source="mentions", now=clock.now())
"""
