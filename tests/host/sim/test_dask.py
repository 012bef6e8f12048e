"""A campaign on a Dask cluster: the same seeds, the same results. Needs the library `distributed`, which is optional."""

import pytest

pytest.importorskip("distributed", reason="`distributed` is optional: pip install distributed")

from dataclasses import replace  # noqa: E402

from holdfast_bench.campaign.campaign import campaign  # noqa: E402
from holdfast_bench.campaign.trial import trial  # noqa: E402
from holdfast_bench.errors import BenchError  # noqa: E402


def test_two_workers_of_a_cluster_come_to_what_one_process_comes_to(tmp_path):
    from distributed import LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1") as cluster:
        found = {t.seed: t for t, known in campaign(range(3), 0.02, dask=cluster.scheduler_address, folder=tmp_path) if not known}
    assert sorted(found) == [0, 1, 2]
    alone = trial(1, 0.02)
    assert replace(found[1], real_s=0) == replace(alone, real_s=0)


def test_dead_address_is_one_clear_line(tmp_path):
    with pytest.raises(BenchError, match="no Dask scheduler answers at tcp://127.0.0.1:1"):
        list(campaign(range(1), 0.02, dask="tcp://127.0.0.1:1", folder=tmp_path))
