using System.Text;

namespace OvirtSpm.Interop;

/// <summary>Volumes of every kind lvm2 has, in its own words: what cannot be made without a kernel's device-mapper is restored from a backup.</summary>
sealed class LvmAllKinds(Random random)
{
    private readonly StringBuilder text = new();
    private int next = 100;

    /// <summary>Names of all volumes that are written.</summary>
    public List<string> Names { get; } = [];

    /// <summary>The sections for <c>logical_volumes</c>, on the extents of pv0 from the hundredth on; 1,600 of them.</summary>
    public string Volumes()
    {
        Raid("r1", "raid1", 2, 4, 4, "");
        Raid("r5", "raid5", 3, 4, 2, "stripe_size = 128\n");
        Raid("r6", "raid6", 5, 6, 2, "stripe_size = 128\n");
        Raid("r10", "raid10", 4, 4, 2, "stripe_size = 128\n");
        Volume("mir", 3, "type = \"mirror\"\nmirror_count = 2\nmirror_log = \"mir_mlog\"\nregion_size = 1024\n\nmirrors = [\n\"mir_mimage_0\", 0,\n\"mir_mimage_1\", 0\n]");
        Linear(("mir_mlog", 1), ("mir_mimage_0", 3), ("mir_mimage_1", 3));
        Volume("tp", 8, "type = \"thin-pool\"\nmetadata = \"tp_tmeta\"\npool = \"tp_tdata\"\ntransaction_id = 1\nchunk_size = 128\ndiscards = \"passdown\"\nzero_new_blocks = 1");
        Volume("t1", 25, "type = \"thin\"\nthin_pool = \"tp\"\ntransaction_id = 0\ndevice_id = 1");
        Linear(("tp_tdata", 8), ("tp_tmeta", 1), ("lvol0_pmspare", 2));
        Volume("cd", 6, "type = \"cache\"\ncache_pool = \"cp_cpool\"\norigin = \"cd_corig\"");
        Volume("cp_cpool", 4, "type = \"cache-pool\"\ndata = \"cp_cpool_cdata\"\nmetadata = \"cp_cpool_cmeta\"\nchunk_size = 128\nmetadata_format = 2\ncache_mode = \"writethrough\"\npolicy = \"smq\"", visible: false);
        Linear(("cd_corig", 6), ("cp_cpool_cdata", 4), ("cp_cpool_cmeta", 2));
        Volume("ig", 3, "type = \"integrity\"\norigin = \"ig_iorig\"\ndata_sectors = 24576\nmode = \"journal\"\ntag_size = 4\nblock_size = 512\ninternal_hash = \"crc32c\"\nmeta_dev = \"ig_imeta\"\nrecalculate = 1");
        Linear(("ig_iorig", 3), ("ig_imeta", 2));
        Volume("vp", 1300, "type = \"vdo-pool\"\ndata = \"vp_vdata\"\nheader_size = 1024\nvirtual_extents = 2000\nuse_compression = 1\nuse_deduplication = 1\nuse_metadata_hints = 1\nminimum_io_size = 4096\nblock_map_cache_size_mb = 128\nblock_map_era_length = 16380\nuse_sparse_index = 0\nindex_memory_size_mb = 256\nmax_discard = 1\nack_threads = 1\nbio_threads = 4\nbio_rotation = 64\ncpu_threads = 2\nhash_zone_threads = 1\nlogical_threads = 1\nphysical_threads = 1\nslab_size_mb = 2048\nwrite_policy = \"auto\"");
        Volume("vd", 2000, "type = \"vdo\"\nvdo_pool = \"vp\"\nvdo_offset = 0");
        Linear(("vp_vdata", 1300));
        Volume("wc", 5, "type = \"writecache\"\norigin = \"wc_wcorig\"\nwritecache = \"fast_cvol\"\nwritecache_block_size = 4096");
        Linear(("wc_wcorig", 5), ("fast_cvol", 2));
        Volume("er", 3, "type = \"error\"");
        Volume("ze", 3, "type = \"zero\"");
        Volume("str", 4, $"type = \"striped\"\nstripe_count = 2\nstripe_size = 128\n\nstripes = [\n\"pv0\", {Take(2)},\n\"pv0\", {Take(2)}\n]");
        Volume("org", 4, Stripe(4));
        Volume("sn", 2, Stripe(2));
        Volume("snapshot0", 4, "type = \"snapshot\"\nchunk_size = 8\norigin = \"org\"\ncow_store = \"sn\"", visible: false);
        return text.ToString();
    }

    /// <summary>A removed volume whose thin descendant lives on.</summary>
    public string Historical() =>
        $"historical_logical_volumes {{\nh1 {{\nid = \"{Uuid()}\"\ncreation_time = 1795168000\nremoval_time = 1795168468\ndescendants = [\"t1\"]\n}}\n}}\n";

    private void Raid(string name, string type, int devices, int extents, int each, string keys)
    {
        var parts = Enumerable.Range(0, devices).Select(i => $"\"{name}_rmeta_{i}\", \"{name}_rimage_{i}\"");
        Volume(name, extents, $"type = \"{type}\"\ndevice_count = {devices}\n{keys}region_size = 4096\n\nraids = [\n{string.Join(",\n", parts)}\n]");
        for (var i = 0; i < devices; i++)
        {
            Linear(($"{name}_rimage_{i}", each), ($"{name}_rmeta_{i}", 1));
        }
    }

    private void Linear(params (string Name, int Extents)[] hidden)
    {
        foreach (var (name, extents) in hidden)
        {
            Volume(name, extents, Stripe(extents), visible: false);
        }
    }

    private void Volume(string name, int extents, string segment, bool visible = true)
    {
        Names.Add(name);
        text.Append($"\n{name} {{\nid = \"{Uuid()}\"\nstatus = [\"READ\", \"WRITE\"{(visible ? ", \"VISIBLE\"" : "")}]\nflags = []\n");
        text.Append("creation_time = 1795168468\ncreation_host = \"h\"\nsegment_count = 1\n\n");
        text.Append($"segment1 {{\nstart_extent = 0\nextent_count = {extents}\n\n{segment}\n}}\n}}\n");
    }

    private string Stripe(int extents) => $"type = \"striped\"\nstripe_count = 1\n\nstripes = [\n\"pv0\", {Take(extents)}\n]";

    private int Take(int extents) => (next += extents) - extents;

    private string Uuid()
    {
        const string Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        var all = string.Concat(Enumerable.Range(0, 32).Select(_ => Letters[random.Next(Letters.Length)]));
        return $"{all[..6]}-{all[6..10]}-{all[10..14]}-{all[14..18]}-{all[18..22]}-{all[22..26]}-{all[26..]}";
    }
}
