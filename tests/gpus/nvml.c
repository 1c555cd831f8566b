/* A stand-in for NVIDIA's management library: cards that files describe.
 *
 * The folder is named by STANDIN_GPUS and is read anew at each call. `driver` in it holds the driver's version; without
 * that file no driver is loaded, and a change of its content is a reload, after which the library wants to be
 * initialised again. A folder named by a number is a card, with one file for each figure:
 *
 *     uuid name bus          its identity
 *     memory_total           bytes
 *     memory_used            bytes beside those of the listed processes
 *     utilisation            per cent
 *     power energy           milliwatts, millijoules
 *     temperature            degrees
 *     throttle               bits
 *     compute_mode           3: one process at a time; without the file any number
 *     processes              lines "pid bytes per-cent"; "-" where the driver does not say how many, per cent may lack
 *     users/PID              "bytes per-cent": a process that uses it, as long as that lives
 *     error                  the number that every call about the card returns
 *     mig/N                  an instance: a card in a card
 *
 * A figure without a file is not supported.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK, UNINITIALIZED, INVALID, UNSUPPORTED, NOT_FOUND = 6, TOO_SMALL = 7, NOT_LOADED = 9, MISMATCH = 18 };
enum { CARDS = 64, INSTANCES = 8 };

typedef unsigned long long big;
typedef struct { int card, instance; } Handle;

static Handle handles[CARDS][INSTANCES + 1];
static char loaded[128];
static int ready;

static int text(const char *name, char *into, size_t size) {
    const char *folder = getenv("STANDIN_GPUS");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t length = fread(into, 1, size - 1, file);
    fclose(file);
    while (length && (into[length - 1] == '\n' || into[length - 1] == ' ')) length--;
    into[length] = 0;
    return 1;
}

static int figure(const Handle *handle, const char *name, char *into, size_t size) {
    char path[256];
    if (handle->instance < 0) snprintf(path, sizeof path, "%d/%s", handle->card, name);
    else snprintf(path, sizeof path, "%d/mig/%d/%s", handle->card, handle->instance, name);
    return text(path, into, size);
}

static int state(void) {
    char now[128];
    if (!ready) return UNINITIALIZED;
    if (!text("driver", now, sizeof now)) return NOT_LOADED;
    return strcmp(now, loaded) ? MISMATCH : OK;
}

static int ask(const Handle *handle) {
    char error[32];
    int wrong = state();
    if (wrong) return wrong;
    if (!handle) return INVALID;
    Handle card = {handle->card, -1};
    return figure(&card, "error", error, sizeof error) ? atoi(error) : OK;
}

static int number(const Handle *handle, const char *name, big *value) {
    char found[64];
    int wrong = ask(handle);
    if (wrong) return wrong;
    if (!figure(handle, name, found, sizeof found)) return UNSUPPORTED;
    *value = strtoull(found, NULL, 10);
    return OK;
}

static int word(const Handle *handle, const char *name, char *into, unsigned size) {
    int wrong = ask(handle);
    if (wrong) return wrong;
    return figure(handle, name, into, size) ? OK : UNSUPPORTED;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    if (!text("driver", loaded, sizeof loaded)) return NOT_LOADED;
    ready++;
    return OK;
}

int nvmlShutdown(void) {
    if (!ready) return UNINITIALIZED;
    ready--;
    return OK;
}

const char *nvmlErrorString(int code) {
    switch (code) {
    case UNINITIALIZED: return "Uninitialized";
    case UNSUPPORTED: return "Not Supported";
    case NOT_LOADED: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    case MISMATCH: return "Driver/library version mismatch";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *into, unsigned size) {
    int wrong = state();
    return wrong ? wrong : text("driver", into, size) ? OK : NOT_LOADED;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    char found[128], name[64];
    int wrong = state();
    if (wrong) return wrong;
    for (*count = 0; *count < CARDS; (*count)++) {
        snprintf(name, sizeof name, "%u/uuid", *count);
        if (!text(name, found, sizeof found)) break;
    }
    return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Handle **handle) {
    unsigned count;
    int wrong = nvmlDeviceGetCount_v2(&count);
    if (wrong) return wrong;
    if (index >= count) return INVALID;
    *handle = &handles[index][INSTANCES];
    (*handle)->card = (int)index;
    (*handle)->instance = -1;
    return OK;
}

int nvmlDeviceGetUUID(const Handle *handle, char *into, unsigned size) {
    /* A lost card is still known by its number and identity. */
    int wrong = state();
    return wrong ? wrong : figure(handle, "uuid", into, size) ? OK : UNSUPPORTED;
}

int nvmlDeviceGetName(const Handle *handle, char *into, unsigned size) { return word(handle, "name", into, size); }

typedef struct {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char bus_id[32];
} Pci;

int nvmlDeviceGetPciInfo_v3(const Handle *handle, Pci *pci) {
    int wrong = state();
    if (wrong) return wrong;
    memset(pci, 0, sizeof *pci);
    return figure(handle, "bus", pci->bus_id, sizeof pci->bus_id) ? OK : UNSUPPORTED;
}

/* The listed processes and the users that live, a line each; and how busy those users are together. */
static unsigned processes(const Handle *handle, char *into, size_t size) {
    const char *root = getenv("STANDIN_GPUS");
    char path[4096], found[64];
    unsigned busy = 0, more;
    big bytes;
    if (!figure(handle, "processes", into, size)) into[0] = 0;
    snprintf(path, sizeof path, "%s/%d/users", root ? root : "", handle->card);
    DIR *folder = handle->instance < 0 ? opendir(path) : NULL;
    for (struct dirent *entry = NULL; folder && (entry = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/%.32s/stat", entry->d_name);
        FILE *lives = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!lives) continue;
        fclose(lives);
        snprintf(path, sizeof path, "users/%.32s", entry->d_name);
        if (!figure(handle, path, found, sizeof found) || sscanf(found, "%llu %u", &bytes, &more) != 2) continue;
        size_t length = strlen(into);
        snprintf(into + length, size - length, "%s%.32s %llu %u", length ? "\n" : "", entry->d_name, bytes,
                 more);
        busy += more;
    }
    if (folder) closedir(folder);
    return busy;
}

static int memory(const Handle *handle, big *total, big *used) {
    char list[16384];
    int wrong = number(handle, "memory_total", total);
    if (wrong) return wrong;
    if (number(handle, "memory_used", used)) *used = 0;
    processes(handle, list, sizeof list);
    for (char *line = strtok(list, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned pid;
        big size;
        if (sscanf(line, "%u %llu", &pid, &size) == 2) *used += size;
    }
    return OK;
}

typedef struct { big total, free, used; } Memory;
typedef struct { unsigned version; big total, reserved, free, used; } Memory2;

int nvmlDeviceGetMemoryInfo(const Handle *handle, Memory *found) {
    int wrong = memory(handle, &found->total, &found->used);
    if (!wrong) found->free = found->total - found->used;
    return wrong;
}

int nvmlDeviceGetMemoryInfo_v2(const Handle *handle, Memory2 *found) {
    int wrong = memory(handle, &found->total, &found->used);
    found->reserved = 0;
    if (!wrong) found->free = found->total - found->used;
    return wrong;
}

typedef struct { unsigned gpu, memory; } Utilisation;

int nvmlDeviceGetUtilizationRates(const Handle *handle, Utilisation *found) {
    big value = 0;
    char list[16384];
    int wrong = number(handle, "utilisation", &value);
    value += processes(handle, list, sizeof list);
    found->gpu = value > 100 ? 100 : (unsigned)value;
    found->memory = 0;
    return wrong;
}

typedef struct { unsigned pid; big size; unsigned gpu, compute; } Process;

int nvmlDeviceGetComputeRunningProcesses_v3(const Handle *handle, unsigned *count, Process *found) {
    char list[16384];
    unsigned lines = 0;
    int wrong = ask(handle);
    if (wrong) return wrong;
    processes(handle, list, sizeof list);
    for (char *line = strtok(list, "\n"); line; line = strtok(NULL, "\n")) {
        char size[32];
        unsigned pid;
        if (sscanf(line, "%u %31s", &pid, size) != 2) continue;
        if (found && lines < *count) {
            found[lines].pid = pid;
            found[lines].size = size[0] == '-' ? ~0ULL : strtoull(size, NULL, 10);
        }
        lines++;
    }
    int short_of = lines && (!found || lines > *count);
    *count = lines;
    return short_of ? TOO_SMALL : OK;
}

typedef struct { unsigned pid; big time; unsigned sm, memory, encoder, decoder; } Busy;

int nvmlDeviceGetProcessUtilization(const Handle *handle, Busy *found, unsigned *count, big since) {
    char list[16384];
    unsigned lines = 0;
    int wrong = ask(handle);
    (void)since;
    if (wrong) return wrong;
    processes(handle, list, sizeof list);
    for (char *line = strtok(list, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned pid, busy;
        if (sscanf(line, "%u %*s %u", &pid, &busy) != 2) continue;
        if (found && lines < *count) found[lines] = (Busy){pid, 1, busy, 0, 0, 0};
        lines++;
    }
    int short_of = lines && (!found || lines > *count);
    *count = lines;
    return lines ? short_of ? TOO_SMALL : OK : NOT_FOUND;
}

static int small(const Handle *handle, const char *name, unsigned *found) {
    big value = 0;
    int wrong = number(handle, name, &value);
    *found = (unsigned)value;
    return wrong;
}

int nvmlDeviceGetPowerUsage(const Handle *handle, unsigned *found) { return small(handle, "power", found); }

int nvmlDeviceGetTemperature(const Handle *handle, int sensor, unsigned *found) {
    (void)sensor;
    return small(handle, "temperature", found);
}

int nvmlDeviceGetTotalEnergyConsumption(const Handle *handle, big *found) { return number(handle, "energy", found); }

int nvmlDeviceGetCurrentClocksThrottleReasons(const Handle *handle, big *found) {
    return number(handle, "throttle", found);
}

int nvmlDeviceGetComputeMode(const Handle *handle, unsigned *found) { return small(handle, "compute_mode", found); }

int nvmlDeviceGetMigMode(const Handle *handle, unsigned *current, unsigned *pending) {
    char found[128], name[64];
    int wrong = ask(handle);
    snprintf(name, sizeof name, "%d/mig/0/uuid", handle->card);
    *current = *pending = (unsigned)text(name, found, sizeof found);
    return wrong;
}

int nvmlDeviceGetMaxMigDeviceCount(const Handle *handle, unsigned *count) {
    *count = INSTANCES - 1;
    return ask(handle);
}

int nvmlDeviceGetMigDeviceHandleByIndex(const Handle *handle, unsigned index, Handle **instance) {
    char found[128];
    Handle wanted = {handle->card, (int)index};
    int wrong = ask(handle);
    if (wrong) return wrong;
    if (index >= INSTANCES || !figure(&wanted, "uuid", found, sizeof found)) return NOT_FOUND;
    handles[handle->card][index] = wanted;
    *instance = &handles[handle->card][index];
    return OK;
}
