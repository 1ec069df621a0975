"""What several rooms do together: measured, drawn and written."""
