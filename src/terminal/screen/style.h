/* A style is a surface and an ink (style.def); what colours that means is the platform's business (display.c). */
#ifndef GALKA_TERMINAL_SCREEN_STYLE_H
#define GALKA_TERMINAL_SCREEN_STYLE_H

#include "terminal/screen/style.def"

enum style_surface {
#define X(name, ...) STYLE_##name,
        STYLE_SURFACES(X)
#undef X
                STYLE_SURFACE_COUNT
};

enum style_ink {
#define X(name, ...) INK_##name,
        STYLE_INKS(X)
#undef X
                STYLE_INK_COUNT
};

#define STYLE_OF(surface, ink) ((uint8_t)((surface)*STYLE_INK_COUNT + (ink)))
#define STYLE(surface, ink)    STYLE_OF(STYLE_##surface, INK_##ink)

#define STYLE_PERSONS (STYLE_INK_COUNT - INK_PERSON_0)

_Static_assert(STYLE_SURFACE_COUNT *STYLE_INK_COUNT <= 256, "a style fits a byte");

/* auto: what the terminal seems to be. */
enum style_ground { GROUND_AUTO, GROUND_DARK, GROUND_LIGHT };
enum style_colours { COLOURS_AUTO, COLOURS_256, COLOURS_8, COLOURS_NONE };

#endif
