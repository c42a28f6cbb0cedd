"""From a result to what a person reads: findings, charts and the HTML report."""
