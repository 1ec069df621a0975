"""Raw data: where it comes from, what it must look like."""
