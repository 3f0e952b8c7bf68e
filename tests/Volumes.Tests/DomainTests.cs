using FsCheck.Fluent;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.Tests;

public class DomainTests
{
    private static readonly DomainMetadata Example = new()
    {
        Domain = Guid.Parse("11111111-2222-4333-8444-555555555555"),
        VolumeGroupUuid = "0DGzO3-4nQy-RZ2m-9s8F-abcd-efgh-ijklmn",
        Description = "my disk, {a:b}",
        PhysicalVolumes = [new PhysicalVolumeEntry("360014051d2f3", "Bq4mTg-0000-1111-2222-3333-4444-555555", 0, 77, 0)],
    };

    [Fact]
    public void The_special_volumes_have_ovirts_sizes_and_metadata_comes_first()
    {
        Assert.Equal("metadata", SpecialVolumes.InCreationOrder[0].Name);
        var extents = SpecialVolumes.InCreationOrder.ToDictionary(volume => volume.Name, volume => volume.Extents);
        Assert.Equal(
            new Dictionary<string, int>
            {
                ["metadata"] = 1, ["ids"] = 1, ["inbox"] = 1, ["outbox"] = 1, ["leases"] = 16, ["xleases"] = 8, ["master"] = 8, ["spm"] = 1,
            },
            extents);
        Assert.Equal(37, SpecialVolumes.TotalExtents);
        Assert.True(SpecialVolumes.TotalExtents < 77, "a 10 GiB LUN, the smallest, has 77 extents");
        Assert.All(SpecialVolumes.InCreationOrder, volume => Assert.True(volume.ZeroedBytes <= volume.RealBytes));
        Assert.True(SpecialVolumes.IsSpecial("leases"));
        Assert.False(SpecialVolumes.IsSpecial("leases2"));
    }

    [Fact]
    public void The_measured_tag_is_encoded_and_decoded()
    {
        Assert.Equal("MDT_DESCRIPTION=my&32&disk&44&&32&&123&a:b&125&", DomainTag.Of("DESCRIPTION", "my disk, {a:b}"));
        Assert.True(DomainTag.TryParse("MDT_DESCRIPTION=my&32&disk&44&&32&&123&a:b&125&", out var key, out var value));
        Assert.Equal(("DESCRIPTION", "my disk, {a:b}"), (key, value));
    }

    [Theory]
    [InlineData("MDT_")]
    [InlineData("MDT_KEY")]
    [InlineData("MDT_=value")]
    [InlineData("MDT_A=&")]
    [InlineData("MDT_A=&&")]
    [InlineData("MDT_A=&32")]
    [InlineData("MDT_A=&x&")]
    [InlineData("MDT_A=&-1&")]
    [InlineData("MDT_A=&55296&")]
    [InlineData("MDT_A=&1114112&")]
    [InlineData("MDT_A=&99999999999999999999&")]
    [InlineData("RHAT_storage_domain")]
    public void A_tag_that_is_not_one_of_the_domain_is_refused(string tag) => Assert.False(DomainTag.TryParse(tag, out _, out _));

    [Fact]
    public void Every_text_survives_being_a_tag_and_the_tag_has_only_characters_that_LVM_allows() =>
        Forall.Of(Forall.Line(200), text =>
        {
            var tag = DomainTag.Of("K", text);
            Assert.Matches("^[A-Za-z0-9_+.\\-/=!:&#]+$", tag);
            Assert.True(DomainTag.TryParse(tag, out _, out var back));
            Assert.Equal(text, back);
        });

    /// The checksum was computed with Python's hashlib over the same keys, following the rule of the original.
    [Fact]
    public void The_tags_of_a_domain_are_these()
    {
        var tags = Example.ToTags();
        Assert.Contains("MDT_VERSION=5", tags);
        Assert.Contains("MDT_SDUUID=11111111-2222-4333-8444-555555555555", tags);
        Assert.Contains("MDT_PV0=pv:360014051d2f3&44&uuid:Bq4mTg-0000-1111-2222-3333-4444-555555&44&pestart:0&44&pecount:77&44&mapoffset:0", tags);
        Assert.Contains("MDT_POOL_UUID=", tags);
        Assert.Contains("MDT_LEASETIMESEC=60", tags);
        Assert.Contains("MDT_ALIGNMENT=1048576", tags);
        Assert.Contains("MDT_BLOCK_SIZE=512", tags);
        Assert.Equal("MDT__SHA_CKSUM=abf36f25fa9dd9d682e5ca0afd6e038f613df206", tags[^1]);
        Assert.Equal("MDT__SHA_CKSUM=c2fd060f7226edcdef3357f5ce4a113f0410ddff", (Example with { Description = "Größe 1 €" }).ToTags()[^1]);
    }

    [Fact]
    public void A_domain_reads_back_from_its_tags_in_any_order_among_foreign_ones()
    {
        var example = Example with { Pool = Guid.Parse("22222222-2222-4333-8444-555555555555"), Others = [KeyValuePair.Create("MASTER_VERSION", "1")] };
        var tags = example.ToTags().Reverse().Append("RHAT_storage_domain").Append("SPM_EPOCH=7").Append("mine");
        Assert.Equal(DomainError.None, DomainMetadata.TryParse(tags, out var parsed, out _));
        Assert.Equal(example, parsed);
    }

    [Fact]
    public void Losing_or_changing_any_tag_is_noticed()
    {
        var tags = Example.ToTags();
        for (var i = 0; i < tags.Length - 1; i++)
        {
            var lost = DomainMetadata.TryParse(tags.RemoveAt(i), out var parsed, out _);
            Assert.NotEqual(DomainError.None, lost);
            Assert.Null(parsed);
            Assert.Equal(DomainError.WrongChecksum, DomainMetadata.TryParse(tags.SetItem(i, tags[i] + "0"), out _, out _));
        }
    }

    [Theory]
    [InlineData("MDT_VERSION=5", "MDT_VERSION=3", DomainError.WrongVersion, "VERSION")]
    [InlineData("MDT_VERSION=5", "MDT_VERSION=five", DomainError.BadValue, "VERSION")]
    [InlineData("MDT_VERSION=5", "other", DomainError.MissingKey, "VERSION")]
    [InlineData("MDT_BLOCK_SIZE=512", "MDT_BLOCK_SIZE=1024", DomainError.BadValue, "BLOCK_SIZE")]
    [InlineData("MDT_ALIGNMENT=1048576", "MDT_ALIGNMENT=1", DomainError.BadValue, "ALIGNMENT")]
    [InlineData("MDT_SDUUID=11111111-2222-4333-8444-555555555555", "MDT_SDUUID=nobody", DomainError.BadValue, "SDUUID")]
    [InlineData("MDT_LEASERETRIES=3", "MDT_LEASERETRIES=-3", DomainError.BadValue, "LEASERETRIES")]
    [InlineData("MDT_TYPE=FCP", "MDT_VERSION=4", DomainError.DuplicateKey, "VERSION")]
    [InlineData("MDT_TYPE=FCP", "MDT_TYPE=&FCP", DomainError.BadTag, "MDT_TYPE=&FCP")]
    public void A_wrong_tag_is_named(string tag, string replacement, DomainError reason, string where)
    {
        // Without its checksum the description is let through, so that the values themselves are judged.
        var tags = Example.ToTags().RemoveAt(Example.ToTags().Length - 1).Replace(tag, replacement);
        Assert.Equal(reason, DomainMetadata.TryParse(tags, out var parsed, out var at));
        Assert.Equal(where, at);
        Assert.Null(parsed);
    }

    [Fact]
    public void A_description_that_would_not_read_back_is_explained()
    {
        Assert.Null(Example.Problem());
        Assert.Contains("51", (Example with { Description = new string('x', 51) }).Problem());
        Assert.NotNull((Example with { Description = "two\nlines" }).Problem());
        Assert.NotNull((Example with { Description = " x" }).Problem());
        Assert.NotNull((Example with { BlockSize = 520 }).Problem());
        Assert.NotNull((Example with { PhysicalVolumes = [new PhysicalVolumeEntry("a,b", "u", 0, 1, 0)] }).Problem());
        Assert.NotNull((Example with { PhysicalVolumes = [new PhysicalVolumeEntry("", "u", 0, 1, 0)] }).Problem());
    }

    [Fact]
    public void Every_reason_has_its_own_words()
    {
        string[] texts =
        [
            .. Enum.GetValues<DomainError>().Where(error => error != 0).Select(error => Explanation.Of(error, "KEY")),
            .. Enum.GetValues<RecordError>().Where(error => error != 0).Select(Explanation.Of),
        ];
        Assert.Equal(texts.Length, texts.Distinct().Count());
        Assert.All(texts.Concat(Enum.GetValues<Volume.SlotError>().Where(error => error != 0).Select(error => Explanation.Of(error, "KEY"))), text => Assert.True(text.Length > 10));
    }

    [Fact]
    public void A_group_without_our_tags_is_not_a_domain() =>
        Assert.Equal(DomainError.NoMetadata, DomainMetadata.TryParse(["RHAT_storage_domain", "x"], out _, out _));

    [Fact]
    public void No_tags_whatever_break_the_parser()
    {
        var tags = Example.ToTags();
        Forall.Of(
            from keep in Gen.Choose(0, tags.Length - 1).ArrayOf()
            from noise in Gen.Elements("MDT_VERSION=5", "MDT_PV0=pv:", "MDT_PV0=", "MDT_PV0=pv:a,b", "MDT_ALIGNMENT=99999999999999999999", "MDT_&=", "").ArrayOf()
            from cut in Gen.Choose(0, 30)
            select keep.Select(i => tags[i][..Math.Max(0, tags[i].Length - cut)]).Concat(noise).ToArray(),
            input =>
            {
                var error = DomainMetadata.TryParse(input, out var parsed, out _);
                Assert.Equal(error == DomainError.None, parsed is not null);
            });
    }

    [Theory]
    [InlineData(DomainState.NotADomain)]
    [InlineData(DomainState.Unready, "RHAT_storage_domain_UNREADY")]
    [InlineData(DomainState.Ready, "RHAT_storage_domain")]
    [InlineData(DomainState.Contradictory, "RHAT_storage_domain", "RHAT_storage_domain_UNREADY")]
    public void The_state_of_a_domain_is_in_its_tags(DomainState state, params string[] tags) => Assert.Equal(state, PoolTags.StateOf(tags));

    [Fact]
    public void Our_own_tags_read_back()
    {
        var tags = new PoolTags(ulong.MaxValue, 1, 0, NotForOvirt: true);
        Assert.Equal(["SPM_EPOCH=18446744073709551615", "SPM_IO_TIMEOUT=1", "SPM_WATCHDOG_TIMEOUT=0", "SPM_NOT_FOR_OVIRT=4096"], tags.ToTags());
        Assert.True(PoolTags.TryParse(tags.ToTags(), out var parsed, out _));
        Assert.Equal(tags, parsed);
        Assert.True(PoolTags.TryParse(["RHAT_storage_domain"], out parsed, out _));
        Assert.Equal(PoolTags.Default, parsed);
    }

    [Theory]
    [InlineData("SPM_EPOCH=")]
    [InlineData("SPM_EPOCH=-1")]
    [InlineData("SPM_EPOCH=18446744073709551616")]
    [InlineData("SPM_IO_TIMEOUT=0")]
    [InlineData("SPM_IO_TIMEOUT=256")]
    [InlineData("SPM_WATCHDOG_TIMEOUT=x")]
    public void A_tag_of_ours_that_is_no_good_is_named(string tag)
    {
        Assert.False(PoolTags.TryParse(["RHAT_storage_domain", tag], out _, out var where));
        Assert.Equal(tag, where);
    }

    /// R22: read too low, the epoch would let a former SPM in.
    [Fact]
    public void Of_two_epochs_the_higher_is_returned_and_the_contradiction_reported()
    {
        Assert.False(PoolTags.TryParse(["SPM_EPOCH=9", "SPM_EPOCH=4"], out var parsed, out _));
        Assert.Equal(9ul, parsed.Epoch);
        Assert.False(PoolTags.TryParse(["SPM_EPOCH=4", "SPM_EPOCH=9"], out parsed, out _));
        Assert.Equal(9ul, parsed.Epoch);
    }
}
