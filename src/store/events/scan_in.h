/* scan_in: what the two ways of scanning share: the streams to merge. */
#ifndef LIUKE_SCAN_IN_H
#define LIUKE_SCAN_IN_H
#include "store/events/scan.h"
#include "store/events/source.h"

/* Rows in memory, sorted; whole events of moved people are kept as entries, too. */
typedef struct ScanRows { Row *p; size_t n, cap; Chunk *bytes; size_t bytes_used, bytes_all; } ScanRows;
typedef struct ScanInput { ScanRows tail, aside; } ScanInput;
Status scan_input(Cx *, const Snapshot *, const SourcePlan *, bool whole, ScanInput *ret) MUST_USE;
void   scan_input_done(ScanInput *);

typedef struct ScanSources { Source *p; size_t n; } ScanSources;
/* Opened and stepped to the first person; in log order. The plan lives as long. */
Status scan_sources(Cx *, const Snapshot *, const SourcePlan *, const ScanInput *, ScanSources *ret) MUST_USE;
void   scan_sources_done(ScanSources *);
size_t scan_damaged(const Snapshot *);
#endif
