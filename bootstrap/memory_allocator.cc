// The node's allocator is jemalloc: the log's many small values cost glibc's a fifth of a write's
// CPU time (docs/consensus.md).

/// Read by jemalloc before main. Few arenas, since few threads allocate much; what is freed goes
/// back to the system within a second, since a node shares its machine with trials.
extern "C" const char* malloc_conf;
const char* malloc_conf = "narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0";
