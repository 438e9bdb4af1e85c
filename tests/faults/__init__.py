"""What happens when something breaks, and which test shows it.

| fault | what is shown | where |
| --- | --- | --- |
| an engine dies at its load, in a call, for want of memory | the others answer, it comes back | \
`test_engines.py`; the pool's own rules: `tests/engines/runtime/test_pool.py`, \
`tests/engines/runtime/test_pool_memory.py` |
| the system gives no more memory | it is unloaded, said, loaded again | `test_engines.py`, with a \
real limit in a process of its own |
| memory runs short | the engine that rested longest goes | \
`tests/engines/runtime/test_pool_memory.py` |
| a checkpoint is missing, cut off, overwritten, of another shape | one sentence; others load | \
`test_checkpoints.py`; waste: `tests/engines/waste/test_engine.py`; Stage A's card: \
`tests/engines/maxsight/test_stage_a_loading.py`; sounds' card: \
`tests/engines/maxsight/test_sound_runner.py`; language model: `tests/engines/llm/test_model.py`; \
embedding model: `tests/engines/runtime/test_text_encoder.py` |
| MaxSight's context pass is slow, breaks off, hangs | Stage A stays as it is | \
`tests/engines/maxsight/test_context_worker.py`, `test_faulty_stage_b.py` beside it |
| the clock on the wall jumps | limits, sessions, waits, retries stay | `test_clock.py`; a clock \
of one's own that goes back: `tests/engines/api/test_limits.py` |
| the disk is full | caches are done without | `test_disk.py`; corrections: \
`tests/engines/waste/test_feedback.py`; an adapter: `tests/engines/llm/fit/test_export.py` |
| a cache is damaged | it is made again | `tests/engines/rag/test_index.py`, \
`tests/engines/llm/test_model.py` |
| two processes on one cache folder | both answer, the caches are whole | `test_disk.py` |
| more people than may wait | polite refusals, no lost answer | `tests/load/test_people.py`; one \
job: `tests/engines/runtime/test_lane.py` |
| slow clients | nobody else waits | `tests/load/test_people.py`; a body that does not come: \
`tests/engines/api/test_guard.py` |
| a client leaves in the middle of an answer | the lane is free | `tests/load/test_people.py`; the \
stream alone: `tests/engines/api/test_stream.py` |
| SIGTERM with people at work | it ends with 0, nobody is left waiting | \
`tests/load/test_people.py`; while it loads, and Ctrl-C: `tests/components/test_shell.py` |
| the port is taken, a setting does not fit | one sentence | `tests/components/test_shell.py` |
"""
