"""What decides and computes: the pure core of jobs, the analyses, data, reports and storage. Knows nothing of Ray."""
