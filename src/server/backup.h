/* What galkad backup and galkad restore agree on. */
#ifndef GALKA_SERVER_BACKUP_H
#define GALKA_SERVER_BACKUP_H

#include "server/setup.h"

/* Engines and files of a backup; with PostgreSQL a file a table. */
#define BACKUP_SQLITE   "sqlite"
#define BACKUP_POSTGRES "postgres"
#define BACKUP_DATABASE "galka.db"
#define BACKUP_KEYS     "keys"

#define BACKUP_NOTE "last-backup" /* in the data folder: time in ms, path */

/* Where the keys are: --keys, or the data folder's. */
void server_keys_path(const struct options *options, char path[static SETUP_PATH_SIZE]);

#endif
