# The door: every task a person runs. The house behind it is meson.build, the work is in tools/.
BUILD ?= build
export BUILD DATA PORT ARGS FRONTENDS WORKERS CLUSTER

.PHONY: all web web-test run run-cluster deps-run deps-test test unit scenario contract sim fuzz live engines bench format lint tidy coverage deb install help

all: deps-run           ## build the server, the client, the bench and the tests
	tools/build

run: deps-run           ## start the server on 127.0.0.1:4255 (PORT=, DATA=folder) and say what to type next
	@tools/run

run-cluster: deps-test  ## a whole cluster on this machine: Kafka, Redis, PostgreSQL, haproxy (PORT=, DATA=, FRONTENDS=2, WORKERS=2)
	@tools/cluster --port $(or $(PORT),4255) --dir $(or $(DATA),galka-cluster) $(if $(FRONTENDS),--frontends $(FRONTENDS)) $(if $(WORKERS),--workers $(WORKERS)) $(ARGS)

deps-run:               ## install what building and running needs
	@tools/deps run

deps-test:              ## install what testing needs besides
	@tools/deps run test

test: deps-test         ## everything: compilers, sanitizers, suites, simulator, guards; ends with the total
	@tools/test

unit scenario contract engines: deps-test  ## one suite only
	@tools/test $@

live: deps-test         ## real processes and sockets, then chaos: a cluster under load to which everything happens
	@tools/test live outages chaos

sim: deps-test          ## the simulator: SEEDS=1000, SEED=7, PLANTED=all
	@tools/sim $(foreach name,SEED SEEDS FROM PLANTED,$(if $($(name)),$(name)=$($(name))))

fuzz: deps-test         ## a fuzz target: TARGET=frontend TIME=60
	@tools/fuzz $(or $(TARGET),frontend) $(or $(TIME),60)

web: deps-run            ## build the web app into build/web
	@tools/web

web-test: deps-test     ## the web app, driven in a real browser as people would
	@tools/test web web_long

bench: $(if $(CLUSTER),deps-test,deps-run)         ## a benchmark: WORKLOAD=idle, pairs, million, room, presence; CLUSTER=1: pairs over Kafka, Redis and PostgreSQL
	@tools/bench $(WORKLOAD)

format: deps-test       ## lay out all C by .clang-format
	@tools/format

lint: deps-test         ## the guards: table of inclusion, purity, sizes, layout, documents made from tables
	@tools/test lint

tidy: deps-test         ## clang-tidy
	@tools/deps tidy
	@tools/tidy

coverage: deps-test     ## lines and branches that the tests reach, by room (ROOM=core: by file)
	@tools/coverage $(ROOM)

deb: deps-run           ## a Debian package in build/
	@tools/deb

install: all            ## galkad, galka, their man pages and the web app, if it was built, under /usr/local (DESTDIR=)
	meson install -C $(BUILD) --no-rebuild
	@if [ -e build/web/index.html ]; then mkdir -p $(DESTDIR)/usr/local/share/galka/web && cp -r build/web/. $(DESTDIR)/usr/local/share/galka/web/; \
	else echo "Installed without the web app: make web builds it."; fi

help:                   ## this list
	@sed -n 's/^\([a-z][a-z -]*\):.*##/\1#/p' Makefile | awk -F '#' '{ printf "  make %-28s%s\n", $$1, $$2 }'
