from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('batches', '0012_blocked'),
    ]

    operations = [
        migrations.AddField(
            model_name='deliverylot',
            name='tries_before',
            field=models.PositiveIntegerField(default=0, help_text='Attempts until somebody last asked to send it again.', verbose_name='tries before'),
        ),
    ]
