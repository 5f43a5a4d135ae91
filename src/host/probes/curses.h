#if defined(__has_include)
#if __has_include(<ncursesw/curses.h>)
#include <ncursesw/curses.h>
#include <ncursesw/panel.h>
#elif __has_include(<ncurses/curses.h>)
#include <ncurses/curses.h>
#include <ncurses/panel.h>
#else
#include <curses.h>
#include <panel.h>
#endif
#else
#include <curses.h>
#include <panel.h>
#endif
#ifndef NCURSES_VERSION
#define NCURSES_VERSION ""
#endif
