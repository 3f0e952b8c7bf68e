using OvirtSpm.Node.Api;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

public sealed class GuestRollFileTests : IDisposable
{
    static readonly Guid boot = new("11111111-2222-3333-4444-555555555555");
    static readonly WatchGuestRequest[] guests = [new("/run/a.qmp", "a", "kill", 80), new("/run/b.qmp", "b", "auto_resume")];
    readonly string directory = Directory.CreateTempSubdirectory("spm-test-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void Whom_it_watched_is_known_until_the_machine_boots()
    {
        Assert.Empty(new GuestRollFile(directory, boot).Read());
        new GuestRollFile(directory, boot).Write([guests[0]]);
        new GuestRollFile(directory, boot).Write(guests);
        Assert.Equal(guests, new GuestRollFile(directory, boot).Read());
        Assert.Empty(new GuestRollFile(directory, Guid.NewGuid()).Read());
        Assert.Single(Directory.GetFiles(directory));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"boot\":\"11111111-2222-3333-4444-555555555555\",\"guests\":[null]}")]
    [InlineData("{\"boot\":\"11111111-2222-3333-4444-555555555555\",\"guests\":[{\"name\":\"a\"}]}")]
    public void A_damaged_file_is_not_believed_and_the_next_one_is_whole(string text)
    {
        File.WriteAllText(Path.Combine(directory, "guests.json"), text);
        var roll = new GuestRollFile(directory, boot);
        Assert.Contains("guests.json", Assert.Throws<IOException>(roll.Read).Message, StringComparison.Ordinal);
        roll.Write(guests);
        Assert.Equal(guests, roll.Read());
    }

    [Fact]
    public void A_directory_that_is_gone_is_said()
    {
        Assert.Throws<DirectoryNotFoundException>(() => new GuestRollFile(Path.Combine(directory, "gone"), boot).Write(guests));
    }
}
