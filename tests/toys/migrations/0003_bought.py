from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('toys', '0002_double_base_value'),
    ]

    operations = [
        migrations.AddField(
            model_name='thingfilerow',
            name='bought',
            field=models.DateField(null=True),
        ),
    ]
