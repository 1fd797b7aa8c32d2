"""Which file is fetched next: order, hosts, patience, attempts."""

import threading
import time
from queue import SimpleQueue

import pytest

from pipeline.fetch.manners import Manners
from pipeline.fetch.queue import GIVEN_UP_AFTER, Queue, Ticket

QUICK = Manners(per_second=0)


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def queue_of(*urls: str, clock: Clock, manners: Manners = QUICK) -> tuple[Queue, list[Ticket]]:
    """A queue whose jitter is always the longest, and the tickets in it."""
    queue = Queue(manners, clock=clock, jitter=lambda least, most: most)
    tickets = [Ticket(number=number, url=url) for number, url in enumerate(urls)]
    for ticket in tickets:
        queue.add(ticket)
    return queue, tickets


def next_of(queue: Queue) -> Ticket:
    ticket, _ = queue.next()
    assert ticket is not None
    return ticket


def seconds_until_next(queue: Queue) -> float | None:
    ticket, seconds = queue.next()
    assert ticket is None
    return seconds


def refusal(queue: Queue, ticket: Ticket) -> tuple[str, str]:
    error = queue.closed_because(ticket)
    assert error is not None
    return str(error), error.cause


def test_tickets_come_in_their_order_whatever_their_hosts(clock):
    queue, tickets = queue_of("http://b/1", "http://a/2", "http://c/3", clock=clock)

    assert [next_of(queue) for _ in tickets] == tickets


def test_no_host_has_more_files_on_their_way_than_it_is_asked_for(clock):
    queue, tickets = queue_of("http://a/1", "http://a/2", "http://a/3", "http://b/4", clock=clock)

    assert [next_of(queue) for _ in range(3)] == [tickets[0], tickets[1], tickets[3]]
    assert seconds_until_next(queue) is None
    queue.done(tickets[0])
    assert next_of(queue) is tickets[2]


def test_upper_and_lower_case_are_one_host(clock):
    queue, _ = queue_of("http://A.example/1", "https://a.example:8443/2", clock=clock, manners=Manners(per_host=1))

    next_of(queue)

    assert seconds_until_next(queue) is None


def test_requests_to_a_host_are_spread_out_after_a_first_burst(clock):
    manners = Manners(per_second=2, per_host=2)
    queue, tickets = queue_of(*(f"http://a/{number}" for number in range(4)), clock=clock, manners=manners)

    for ticket in tickets[:2]:
        assert next_of(queue) is ticket
        queue.done(ticket)

    assert seconds_until_next(queue) == pytest.approx(0.5)
    clock.now += 0.5
    queue.done(next_of(queue))
    assert seconds_until_next(queue) == pytest.approx(0.5)


@pytest.mark.parametrize("outcome", ["done", "try_again"])
def test_a_host_is_given_the_time_between_requests_that_it_asks_for(clock, outcome):
    queue, _ = queue_of(*(f"http://a/{number}" for number in range(5)), clock=clock, manners=Manners(per_host=2))
    getattr(queue, outcome)(next_of(queue), seconds_apart=10)

    waits = []
    for _ in range(3):
        waits.append(seconds_until_next(queue))
        clock.now += waits[-1]
        queue.done(next_of(queue))

    assert waits == pytest.approx([10, 10, 10])


def test_a_host_that_was_not_asked_after_all_need_not_be_spared(clock):
    queue, tickets = queue_of(*(f"http://a/{number}" for number in range(3)), clock=clock)
    queue.done(next_of(queue), seconds_apart=10)
    clock.now += 10

    queue.done(next_of(queue), is_answered=False)

    assert next_of(queue) is tickets[2]


def test_a_host_that_asks_for_too_long_between_two_files_is_left_to_the_next_run(clock):
    queue, tickets = queue_of("http://a/1", "http://a/2", clock=clock)

    queue.done(next_of(queue), seconds_apart=86_400)

    assert refusal(queue, tickets[1]) == ("was not asked for: a asks for 86,400 seconds between two files", "busy")


def test_what_failed_waits_twice_as_long_each_time(clock):
    queue, [ticket] = queue_of("http://a/1", clock=clock)
    waits = []
    for _ in range(3):
        assert queue.try_again(next_of(queue))
        waits.append(seconds_until_next(queue))
        clock.now += waits[-1]

    assert waits == pytest.approx([1, 2, 4])
    assert not queue.try_again(next_of(queue))
    assert ticket.attempts == QUICK.attempts


def test_others_of_the_host_go_on_while_one_waits_for_its_next_attempt(clock):
    queue, tickets = queue_of("http://a/1", "http://a/2", clock=clock)

    queue.try_again(next_of(queue))

    assert next_of(queue) is tickets[1]


def test_a_host_in_trouble_is_spared_as_a_whole(clock):
    queue, _ = queue_of("http://a/1", "http://a/2", "http://a/3", clock=clock)

    queue.try_again(next_of(queue))
    queue.try_again(next_of(queue))

    assert seconds_until_next(queue) == pytest.approx(1)


def test_a_host_that_puts_us_off_is_not_asked_for_anything_before(clock):
    queue, tickets = queue_of("http://a/1", "http://a/2", "http://b/3", clock=clock)

    assert queue.try_again(next_of(queue), put_off_seconds=30)

    assert next_of(queue) is tickets[2]
    assert seconds_until_next(queue) == pytest.approx(30)


def test_a_host_that_puts_us_off_for_too_long_is_left_to_the_next_run(clock):
    queue, tickets = queue_of("http://a/1", "http://a/2", clock=clock)

    assert not queue.try_again(next_of(queue), put_off_seconds=3600)

    said = "was not asked for: a asks not to be asked again for 3,600 seconds"
    assert refusal(queue, tickets[1]) == (said, "busy")
    assert next_of(queue) is tickets[1]


def test_a_host_that_puts_us_off_every_time_is_left_to_the_next_run(clock):
    queue, tickets = queue_of(*(f"http://a/{number}" for number in range(5000)), clock=clock)

    queue.try_again(next_of(queue), put_off_seconds=1)
    for _ in range(GIVEN_UP_AFTER - 1):
        clock.now += seconds_until_next(queue)
        queue.try_again(next_of(queue), put_off_seconds=1)

    said = f"was not asked for: a failed or put us off {GIVEN_UP_AFTER} times in a row"
    assert refusal(queue, tickets[-1]) == (said, "busy")
    assert clock.now == pytest.approx(100 + GIVEN_UP_AFTER - 1)


def test_put_offs_that_add_up_to_too_long_are_not_waited_for(clock):
    queue, tickets = queue_of(*(f"http://a/{number}" for number in range(9)), clock=clock)
    for _ in range(3):
        assert queue.closed_because(tickets[-1]) is None
        queue.try_again(next_of(queue), put_off_seconds=50)
        clock.now += 50

    said = "was not asked for: a puts us off again and again, for 150 seconds in all"
    assert refusal(queue, tickets[-1]) == (said, "busy")


def test_many_files_that_are_put_off_at_once_are_one_reason_to_give_up_a_host(clock):
    manners = QUICK.but(per_host=16)
    queue, tickets = queue_of(*(f"http://a/{number}" for number in range(17)), clock=clock, manners=manners)
    flying = [next_of(queue) for _ in range(16)]

    for ticket in flying:
        clock.now += 0.1
        queue.try_again(ticket, put_off_seconds=30)

    assert queue.closed_because(tickets[-1]) is None


def test_a_host_that_only_fails_is_left_to_the_next_run(clock):
    queue, tickets = queue_of(*(f"http://a/{number}" for number in range(GIVEN_UP_AFTER + 3)), clock=clock)

    for _ in range(GIVEN_UP_AFTER):
        clock.now += 100
        queue.try_again(next_of(queue), cause="unreachable")

    said = f"was not asked for: a failed {GIVEN_UP_AFTER} times in a row"
    assert refusal(queue, tickets[-1]) == (said, "unreachable")
    assert all(queue.next()[0] for _ in range(3))


def test_one_answer_in_between_forgives_a_host(clock):
    queue, tickets = queue_of(*(f"http://a/{number}" for number in range(2 * GIVEN_UP_AFTER)), clock=clock)

    for number in range(2 * GIVEN_UP_AFTER - 2):
        clock.now += 100
        ticket = next_of(queue)
        queue.done(ticket) if number == GIVEN_UP_AFTER - 2 else queue.try_again(ticket)

    assert queue.closed_because(tickets[0]) is None


def test_an_address_that_nobody_can_read_is_still_handed_on(clock):
    queue, [ticket] = queue_of("http://[oops/1", clock=clock)

    assert next_of(queue) is ticket


def test_what_was_asked_for_before_is_said_not_to_be_asked_for_again(clock):
    queue, tickets = queue_of("http://a/1", "http://a/2", clock=clock)
    queue.try_again(next_of(queue))

    queue.try_again(next_of(queue), put_off_seconds=3600)

    assert refusal(queue, tickets[0])[0].startswith("was not asked for again: a asks")


def test_a_host_is_forgotten_when_all_its_files_are_here(clock):
    queue, tickets = queue_of(*(f"http://host{number}/a" for number in range(50)), clock=clock, manners=Manners())
    for _ in tickets:
        queue.done(next_of(queue))

    before = len(queue._hosts)
    clock.now += 1
    queue.next()

    assert (before, len(queue._hosts)) == (50, 0)


def test_a_host_in_trouble_is_not_forgotten(clock):
    queue, _ = queue_of("http://a/1", clock=clock)
    for _ in range(QUICK.attempts):
        queue.try_again(next_of(queue))
        clock.now += 1000
    queue.next()

    assert list(queue._hosts) == ["a"]


def test_a_ticket_is_taken_quickly_though_thousands_of_hosts_wait(clock):
    queue, tickets = queue_of(*(f"http://host{number}/a" for number in range(20_000)), clock=clock)
    started_at = time.process_time()

    for ticket in tickets:
        assert next_of(queue) is ticket
        queue.done(ticket)

    assert time.process_time() - started_at < 3


def test_a_thread_that_waits_is_woken_by_a_new_ticket():
    queue, taken = Queue(QUICK), SimpleQueue()
    thread = threading.Thread(target=lambda: taken.put(queue.take()))
    thread.start()
    ticket = Ticket(number=0, url="http://a/1")

    queue.add(ticket)

    assert taken.get(timeout=5) is ticket
    thread.join(5)


def test_all_threads_that_wait_are_woken_by_the_end():
    queue, taken = Queue(QUICK), SimpleQueue()
    threads = [threading.Thread(target=lambda: taken.put(queue.take())) for _ in range(3)]
    for thread in threads:
        thread.start()

    queue.close()

    assert [taken.get(timeout=5) for _ in threads] == [None] * 3
    for thread in threads:
        thread.join(5)


def test_no_ticket_is_left_lying_when_many_threads_take_and_land():
    queue, done = Queue(QUICK, jitter=lambda least, most: 0.0), SimpleQueue()

    def work() -> None:
        while (ticket := queue.take()) is not None:
            if ticket.attempts or not queue.try_again(ticket):
                queue.done(ticket)
                done.put(ticket.number)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(300):
        queue.add(Ticket(number=number, url=f"http://host{number}/a"))
    came = sorted(done.get(timeout=5) for _ in range(300))
    queue.close()
    for thread in threads:
        thread.join(5)

    assert came == list(range(300))
