"""The tables (``tables``), their column types, the append-only triggers and the migrations.

``tables`` declares what this version of Stonechat expects; ``migrations`` brings any older database there at
start, under a lock. A test holds that both describe the same schema on both engines.
"""
