"""Context variables carried back from another thread's or task's copy of a context."""

from contextvars import ContextVar, copy_context

from hinge.context import carry_back

colour: ContextVar[str] = ContextVar("colour", default="none")
size: ContextVar[int] = ContextVar("size")


def test_what_was_set_in_the_copy_is_set_here() -> None:
    copy = copy_context()
    copy.run(colour.set, "red")
    copy.run(size.set, 3)
    assert (colour.get(), size.get(None)) == ("none", None)

    def receive() -> tuple[str, int]:
        carry_back(copy)
        return colour.get(), size.get()

    assert copy_context().run(receive) == ("red", 3)


def test_a_variable_that_is_left_keeps_its_value() -> None:
    copy = copy_context()
    copy.run(colour.set, "red")
    copy.run(size.set, 3)

    def receive() -> tuple[str, int]:
        size.set(5)
        carry_back(copy, leave=size)
        return colour.get(), size.get()

    assert copy_context().run(receive) == ("red", 5)


def test_what_was_only_set_here_stays() -> None:
    copy = copy_context()

    def receive() -> str:
        colour.set("green")
        carry_back(copy)
        return colour.get()

    assert copy_context().run(receive) == "green"
