"""The condition language: texts become terms (`parser`), terms tell whether they hold and when that may change.

parser.py     operators and parentheses, around
grammar.py    the forms of a single condition, from which it makes
terms.py      what a condition can be: does it hold now, and when may that change if nothing but time passes
periods.py    recurring stretches of local time: "weekly on Monday"     cron.py   the same in cron's notation
anchors.py    texts that name a point in a day, week, month ...         durations.py   "1 hour 30 min"
clock.py      between seconds since 1970 and local time
links.py      which tasks a condition follows
"""
