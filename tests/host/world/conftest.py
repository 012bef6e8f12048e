"""What the tests of modelled TCP begin with."""

import pytest

from tcp_rig import World


@pytest.fixture
def w():
    return World()
