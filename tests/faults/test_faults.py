"""Kill, stop, wipe and restart, under a stream of writes; then compare with the reference."""

from __future__ import annotations

import random
import threading
import time

import pytest

from tests.faults.conftest import QUARTER, Book
from tests.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_worker_is_killed_again_and_again(product: Product) -> None:
    book, chaos = Book(product, 1), random.Random(1)
    worker = product.start_worker()
    for _ in range(12):
        for _ in range(chaos.randrange(5, 25)):
            book.write()
        # Mid-batch more often than not: the last write has only just rung the bell.
        time.sleep(chaos.random() * 0.02)
        product.kill_worker(worker)
        worker = product.start_worker()
    book.check()


def test_two_workers_at_once(product: Product) -> None:
    for _ in range(2):
        product.start_worker()
    book = Book(product, 2)
    others = [Book(product, seed) for seed in (3, 4)]
    threads = [
        threading.Thread(target=lambda own=own: [own.write() for _ in range(60)]) for own in others
    ]
    for thread in threads:
        thread.start()
    for _ in range(60):
        book.write()
    for thread in threads:
        thread.join()
    book.check(*others)


def test_redis_is_stopped_wiped_and_restarted(product: Product) -> None:
    product.start_worker()
    book = Book(product, 5)
    for _ in range(40):
        book.write()
    product.wipe_redis()
    for _ in range(40):
        book.write()
    product.servers.valkey.stop(hard=True)
    for _ in range(40):
        book.write()
    # The sweep needs no Redis: figures settle while it is down.
    book.check()
    product.servers.valkey.start()
    for _ in range(40):
        book.write()
    book.check()


def test_postgres_crashes_under_load(product: Product) -> None:
    product.start_worker()
    book = Book(product, 6)
    for _ in range(2):
        writer = threading.Thread(target=lambda: [book.write() for _ in range(120)])
        writer.start()
        time.sleep(0.2)
        product.servers.postgres.stop(hard=True)
        product.servers.postgres.start()
        writer.join()
    book.check()


def test_everything_is_killed_at_once(product: Product) -> None:
    worker = product.start_worker()
    book = Book(product, 7)
    for _ in range(50):
        book.write()
    product.kill_worker(worker)
    product.servers.valkey.stop(hard=True)
    product.servers.postgres.stop(hard=True)
    product.servers.postgres.start()
    product.servers.valkey.start()
    product.start_worker()
    book.check()


def test_an_answer_is_the_same_after_a_crash(product: Product) -> None:
    worker = product.start_worker()
    book, seen = Book(product, 8), []
    for _ in range(10):
        book.write()
        seen.append(product.settled(QUARTER))
    product.kill_worker(worker)
    product.servers.postgres.stop(hard=True)
    product.servers.postgres.start()
    product.start_worker()
    for _ in range(20):
        book.write()
    for before in seen:
        after = product.call(
            "GET", f"/forecast/v1/forecasts/{QUARTER}", params={"as_of": before["as_of"]}
        )
        for part in ("gross_arr", "renewal_loss", "net_arr", "coverage", "opportunity_count"):
            assert after[part] == before[part]
