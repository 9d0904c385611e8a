"""What runs beside the requests: loops that are kept running, batches that gather, listeners that may hang."""
