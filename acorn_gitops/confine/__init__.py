"""Where hostile input ends: a pull request, a marketplace, a ledger from a branch. Comes in: what somebody
else wrote. Goes out: the same within bounds, or a refusal by name. Callers: every room that reads a
repository, talks to a server or writes a file.

`paths` keeps what is read inside the repository, `files` what is written; `git` asks git without obeying the
repository; `bounded` gives a computation an end; `text` takes the power out of foreign text. Nothing else in
acorn starts a process or replaces a file: a test walks the package and holds that.
"""
