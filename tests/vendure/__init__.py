"""A real Vendure server for tests: installed from the committed lock file, started, waited for, stopped by its id."""
