"""Networks: models on disk, specialists that run them, the pool that schedules them, and streams put together."""
