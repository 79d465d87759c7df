"""What backends share that serve each request as a task on an asyncio event loop.

Law: nothing here knows a protocol. A backend hands over what reads, what sends and what tells that the client left;
colours, threads, streams and the worker's stop are the same for all of them.
"""
