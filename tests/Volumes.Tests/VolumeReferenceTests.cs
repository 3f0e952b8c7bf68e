using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Volumes.Tests;

public class VolumeReferenceTests
{
    private static VolumeInfo Volume(string uuid, string? alias) => new(
        uuid, Guid.Parse(uuid), 0, VolumeTags.Created,
        alias is null ? null : VolumeSlotTests.Golden with { Description = DiskAlias.Describe(alias) }, []);

    private static readonly VolumeInfo[] All =
    [
        Volume("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "data"),
        Volume("aaaabbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee", "data"),
        Volume("12345678-bbbb-4ccc-8ddd-eeeeeeeeeeee", "aaaaa"),
        Volume("ffffffff-bbbb-4ccc-8ddd-eeeeeeeeeeee", "12345678-bbbb-4ccc-8ddd-eeeeeeeeeeee"),
        Volume("eeeeeeee-bbbb-4ccc-8ddd-eeeeeeeeeeee", null),
    ];

    private static string Found(string reference) => Assert.IsType<VolumeResolution.Found>(VolumeReference.Resolve(reference, All)).Volume.Name[..8];

    [Fact]
    public void A_volume_is_found_by_its_uuid_a_beginning_of_it_or_its_alias()
    {
        Assert.Equal("eeeeeeee", Found("eeeeeeee-bbbb-4ccc-8ddd-eeeeeeeeeeee"));
        Assert.Equal("eeeeeeee", Found("EEEEEEEE-BBBB-4CCC-8DDD-EEEEEEEEEEEE"));
        Assert.Equal("eeeeeeee", Found("eeee"));
        Assert.Equal("aaaabbbb", Found("  aaaabb  "));
    }

    [Fact]
    public void A_whole_uuid_means_that_volume_even_if_another_bears_it_as_its_alias() =>
        Assert.Equal("12345678", Found("12345678-bbbb-4ccc-8ddd-eeeeeeeeeeee"));

    [Theory]
    [InlineData("data", 2)]
    [InlineData("aaaa", 2)]
    [InlineData("aaaaa", 2)]
    public void What_fits_several_is_answered_with_the_list_and_never_guessed(string reference, int count)
    {
        var ambiguous = Assert.IsType<VolumeResolution.Ambiguous>(VolumeReference.Resolve(reference, All));
        Assert.Equal(count, ambiguous.Volumes.Length);
        Assert.All(ambiguous.Volumes, volume => Assert.Contains(volume.Name, ambiguous.Text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("eee")]
    [InlineData("DATA")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    public void What_fits_none_is_said_to_be_unknown(string reference) =>
        Assert.True(Assert.IsType<VolumeResolution.Unknown>(VolumeReference.Resolve(reference, All)).Text.Length > 20);

    [Fact]
    public void A_long_list_and_a_long_name_are_shortened()
    {
        var many = Enumerable.Range(0, 1000).Select(i => Volume($"aaaaaaaa-bbbb-4ccc-8ddd-{i:000000000000}", null));
        var ambiguous = Assert.IsType<VolumeResolution.Ambiguous>(VolumeReference.Resolve("aaaa", many));
        Assert.Contains("990 more", ambiguous.Text);
        Assert.True(Assert.IsType<VolumeResolution.Unknown>(VolumeReference.Resolve(new string('x', 100_000), All)).Text.Length < 400);
    }
}
