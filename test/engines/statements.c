/* Prints every statement of the store on PostgreSQL and every line of its schema, NAME<TAB>SQL, for tools/grammar. */
#include <stdio.h>

int main(void)
{
        unsigned lines = 0;

#define S(name, text) printf("%s\t%s\n", #name, text);
#include "driver/store/postgres/statements.def"
#undef S
#define V(version, text) printf("schema %d, line %u\t%s\n", version, ++lines, text);
#include "driver/store/postgres/schema.def"
#undef V
        return 0;
}
