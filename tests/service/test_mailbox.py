from stemd.service.mailbox import Mailbox, Overflow


def test_drop_oldest_keeps_the_newest_and_counts() -> None:
    box: Mailbox[int] = Mailbox(2, Overflow.DROP_OLDEST)
    assert all(box.put(n) for n in range(5))
    assert (box.pop(), box.pop(), box.dropped, len(box)) == (3, 4, 3, 0)


def test_refuse_keeps_the_oldest() -> None:
    box: Mailbox[int] = Mailbox(2, Overflow.REFUSE)
    assert [box.put(n) for n in range(3)] == [True, True, False]
    assert (box.peek(), box.pop(), box.pop(), box.dropped) == (0, 0, 1, 0)
