"""A cluster that starts from nothing is not refused for what it has not started yet."""

from shards.room import cluster_room, has_several_machines, room_of


def test_a_cluster_of_fixed_size_has_what_it_has() -> None:
    assert room_of({"CPU": 8.0, "memory": 1e9}) == {"CPU": 8.0, "memory": 1e9}


def test_a_cluster_that_grows_has_what_it_may_become() -> None:
    head = {"max_CPU": 40.0, "max_GPU": 4.0, "max_browser": 20.0, "CPU": 4.0}
    room = room_of(head)
    assert (room["CPU"], room["GPU"], room["browser"]) == (40.0, 4.0, 20.0)
    assert room_of({"max_CPU": 4.0, "CPU": 8.0})["CPU"] == 8.0


def test_this_machine(ray_cluster: None) -> None:
    assert cluster_room()["CPU"] >= 2
    assert "GPU" not in cluster_room() or cluster_room()["GPU"] >= 1
    assert not has_several_machines()
