"""What is seen, held against what was learned: reference, drift, live counters, alerts."""
