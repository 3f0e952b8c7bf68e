namespace LvmMetadata.Tests.Support;

/// <summary>Always the same moment.</summary>
public sealed class TestClock : TimeProvider
{
    public static readonly DateTimeOffset Now = new(2026, 11, 5, 9, 8, 7, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;
}
