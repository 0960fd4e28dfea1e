"""Submit, plan, run, retry, resume and assemble a job."""
