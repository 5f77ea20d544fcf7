"""GitHub and GitLab: where a job runs, and what is said beside a change. Callers: `reconcile`, cli `ci`."""
